"""Growth of the receptive field along a cascade and before and in ASPP (DeepLabv3, Figures 3 and 5)."""

from pathlib import Path

from atrous.analysis.summary import model_summary
from atrous.model.config import ModelConfig
from atrous.papers.figures.drawing import save_figure
from atrous.papers.networks import cascade, cascade_backbone, resnet101
from atrous.report.plots import COLORS, drawing

NETWORKS: dict[str, ModelConfig] = {
    "cascade to block7": cascade(cascade_backbone(101, last_block=7)),
    "cascade to block7, Multi_Grid (1, 2, 1)": cascade(cascade_backbone(101, last_block=7, multi_grid=(1, 2, 1))),
    "block4 with Multi_Grid (1, 2, 4), then ASPP": resnet101(),
}


def receptive_fields_of(model: ModelConfig) -> list[tuple[str, int]]:
    """Side in pixels of what each unit sees, in the order of the forward pass; image pooling is left out."""
    units = model_summary(model, size=(513, 513)).units
    return [(unit.name, unit.receptive_field) for unit in units if unit.receptive_field is not None]


def draw_fields(out: Path) -> Path:
    """Draw the receptive field after each unit, ASPP's branches as single points; returns the file."""
    with drawing(width=9, height=4.2) as figure:
        axes = figure.add_subplot()
        for (name, model), color in zip(NETWORKS.items(), COLORS, strict=False):
            fields = receptive_fields_of(model)
            units = [field for unit, field in fields if "block" in unit or unit in ("stem", "pool")]
            axes.plot(range(1, len(units) + 1), units, color=color, label=name)
            for branch, field in fields:
                if branch.startswith("aspp"):
                    axes.plot(len(units) + 1, field, color=color, marker="o", markersize=5)
                    axes.annotate(branch, (len(units) + 1, field), (-9, -3), textcoords="offset points", ha="right")
        axes.axhline(513, color="grey", linewidth=0.8, linestyle="dotted")
        axes.annotate("side of the crop: 513", (1, 513), (0, 4), textcoords="offset points")
        axes.set_xlabel("units of ResNet-101 in the order of the forward pass")
        axes.set_ylabel("receptive field, pixels")
        axes.set_title("what one position sees at output stride 16: blocks in cascade, and ASPP's branches")
        axes.grid(alpha=0.15)
        axes.legend(frameon=False)
        return save_figure(figure, out / "fields.png")
