"""The sheet of `atrous info --plot`: units, effective receptive field, valid taps."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from atrous.analysis.effective_field import affordable_size, effective_field, fresh_model, random_images
from atrous.analysis.summary import ModelSummary
from atrous.analysis.valid_taps import valid_shares
from atrous.cli.console import tracked
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.model.config import ModelConfig
from atrous.model.deeplab import DeepLab
from atrous.model.presets import PRESETS
from atrous.report.field_plot import HELD, MeasuredField, TapCurves
from atrous.report.network_sheet import SUFFIXES, NetworkSheet
from atrous.sizes import Size, ceil_div

DRAWS = 3
"""Number of random images that the receptive field is averaged over."""

QUICK = 5_000_000_000
"""Multiply-adds of about two seconds, forward and backward, on one core; progress is shown for more."""

MOST_POINTS = 400
"""Largest number of points of a curve."""


def draw(
    target: Path, model: str, config: ModelConfig, found: ModelSummary, *, size: Size, weights: DeepLab | None = None
) -> tuple[Path, ...]:
    """Draw the sheet of a model; returns the files that were written.

    Args:
        target: An .svg or .png file, or a folder for both.
        model: Name of the model.
        config: Configuration of the model.
        found: Units, parameters and multiply-adds of the model.
        size: Image size in pixels.
        weights: The loaded model; it is measured itself if `config` is its own up to the output stride.

    Raises:
        InputError: If the target is neither a folder nor an SVG or PNG file, or cannot be written.
    """
    paths = _paths(target, name=Path(model).stem)
    with ExitStack() as stack:
        # Before the work begins, so that a folder that cannot be written is refused at once.
        temporaries = [stack.enter_context(atomic_path(path)) for path in paths]
        sheet = NetworkSheet(
            title=model if model in PRESETS else Path(model).name,
            subtitle=(
                f"{size[0]}×{size[1]} pixels, output stride {config.output_stride}, {config.classes} classes: "
                f"{found.parameters / 1e6:.3f} M parameters, {found.multiply_adds / 1e9:.3f} B multiply-adds"
            ),
            units=found.units,
            field=_measured(weights, config, found, size=size),
            taps=_tap_curves(found),
        )
        for temporary in temporaries:
            sheet.save(temporary)
    return paths


def _paths(target: Path, *, name: str) -> tuple[Path, ...]:
    if target.is_dir() or not target.suffix:
        return tuple(target / f"{name}{suffix}" for suffix in SUFFIXES)
    if target.suffix not in SUFFIXES:
        raise InputError(f"cannot draw {target}: it ends in neither .svg nor .png; give such a file, or a folder")
    return (target,)


def _measured(loaded: DeepLab | None, config: ModelConfig, found: ModelSummary, *, size: Size) -> MeasuredField:
    part = affordable_size(size, multiply_adds=found.multiply_adds)
    model, weights = _model(loaded, config)
    images = random_images(DRAWS, channels=config.in_channels, size=part)
    if found.multiply_adds * part[0] * part[1] * DRAWS > QUICK * size[0] * size[1]:
        images = tracked(images, description="measuring the receptive field", total=DRAWS)
    field = effective_field(model, images)
    return MeasuredField(
        heat=field.heat.numpy(),
        center=field.center,
        mass=field.mass().numpy(),
        side=field.side(HELD),
        extent=found.receptive_field,
        image=size,
        weights=weights,
    )


def _model(loaded: DeepLab | None, config: ModelConfig) -> tuple[DeepLab, str]:
    """The model to measure and a description of its weights: the file's if they fit the configuration."""
    if loaded is not None and replace(loaded.config, output_stride=config.output_stride) == config:
        model = loaded.eval().requires_grad_(requires_grad=False)
        return model.replanned(output_stride=config.output_stride), "weights of the file"
    return fresh_model(config), "fresh weights"


def _tap_curves(found: ModelSummary) -> TapCurves:
    """Curves on the smallest feature map; marked are the rates of the ASPP, or else those of the backbone."""
    deepest = max(found.units, key=lambda unit: unit.output_stride).size
    pyramid = [taps.rate for taps in found.valid_taps]
    marked = pyramid or sorted({unit.rate for unit in found.units if unit.rate > 1})
    last = max(*deepest, *marked) * 5 // 4 + 2
    rates = sorted({*range(1, last, ceil_div(last, MOST_POINTS)), *marked, last})
    shares = [valid_shares(deepest, rate=rate) for rate in rates]
    return TapCurves(
        size=deepest,
        rates=rates,
        shares={taps: [share[taps] for share in shares] for taps in shares[0]},
        marked=marked,
        marked_name="rates of the ASPP" if pyramid else "rates of the backbone",
    )
