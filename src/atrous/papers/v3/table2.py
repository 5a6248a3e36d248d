"""DeepLabv3, Table 2: depth of the cascade on ResNet-50 and ResNet-101, output stride 16."""

from atrous.papers.networks import cascade, cascade_backbone
from atrous.papers.table import Conclusion, PaperTable, Row, Training

PRINTED = {
    # depth: block4, block5, block6, block7
    50: (64.81, 72.14, 74.29, 73.88),
    101: (68.39, 73.21, 75.34, 75.76),
}


def _name(depth: int, block: int) -> str:
    return f"ResNet-{depth}, block{block}"


TABLE = PaperTable(
    name="v3-table2",
    title="ResNet-50 and ResNet-101 with more blocks, output stride 16",
    varies="depth of the network, last block of the cascade",
    columns=("network", "last block"),
    rows=tuple(
        Row(
            _name(depth, block),
            (f"ResNet-{depth}", f"block{block}"),
            paper,
            Training(cascade(cascade_backbone(depth, last_block=block))),
            x=block,
            curve=f"ResNet-{depth}",
        )
        for depth, figures in PRINTED.items()
        for block, paper in zip((4, 5, 6, 7), figures, strict=True)
    ),
    conclusions=(
        Conclusion("block5 beats block4 on ResNet-50", _name(50, 5), _name(50, 4)),
        Conclusion("block6 beats block5 on ResNet-50", _name(50, 6), _name(50, 5)),
        Conclusion("block7 is no better than block6 on ResNet-50", _name(50, 6), _name(50, 7)),
        Conclusion("block5 beats block4 on ResNet-101", _name(101, 5), _name(101, 4)),
        Conclusion("block7 beats block6 on ResNet-101", _name(101, 7), _name(101, 6)),
    ),
    x_label="last block",
)
