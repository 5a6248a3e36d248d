"""The sheet that `atrous info --plot` draws."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from atrous.analysis.anatomy import Anatomy
from atrous.analysis.effective_field import affordable_size, effective_field, fresh_model, random_images
from atrous.analysis.valid_taps import valid_shares
from atrous.cli.console import tracked
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.model.config import ModelConfig
from atrous.model.deeplab import DeepLab
from atrous.model.presets import PRESETS
from atrous.report.field_plot import HELD, MeasuredField
from atrous.report.network_sheet import SUFFIXES, NetworkSheet
from atrous.report.tap_plot import TapCurves
from atrous.sizes import Size

DRAWS = 3
"""Random images: with more of them the field has the same shape and less grain."""

QUICK = 5_000_000_000
"""Multiply-adds that take about two seconds, forward and backward, on one core: no progress is shown for them."""

MOST_POINTS = 400


def draw(
    target: Path, model: str, config: ModelConfig, found: Anatomy, *, size: Size, weights: DeepLab | None = None
) -> tuple[Path, ...]:
    """Draw a model that was found to be so; returns the files that were written.

    Args:
        target: A file, or a folder.
        model: What it is called.
        config: What it is.
        found: What it is made of.
        size: Of the image, in pixels.
        weights: The model that was loaded: measured itself where `config` leaves its weights a place.

    Raises:
        InputError: If the target is neither a folder nor an SVG or PNG file, or cannot be written.
    """
    paths = _paths(target, name=Path(model).stem)
    with ExitStack() as stack:
        # Before the work begins, so that a folder that cannot be written is told at once.
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


def _measured(loaded: DeepLab | None, config: ModelConfig, found: Anatomy, *, size: Size) -> MeasuredField:
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
    """A model to measure, and of what weights: those of a file where the options leave them a place."""
    if loaded is not None and replace(loaded.config, output_stride=config.output_stride) == config:
        model = loaded.eval().requires_grad_(requires_grad=False)
        return model.replanned(output_stride=config.output_stride), "weights of the file"
    return fresh_model(config), "fresh weights"


def _tap_curves(found: Anatomy) -> TapCurves:
    """On the smallest map; the rates of the ASPP, or of the backbone where there is none."""
    deepest = max(found.units, key=lambda unit: unit.output_stride).size
    pyramid = [taps.rate for taps in found.valid_taps]
    marked = pyramid or sorted({unit.rate for unit in found.units if unit.rate > 1})
    last = max(*deepest, *marked) * 5 // 4 + 2
    rates = sorted({*range(1, last, -(-last // MOST_POINTS)), *marked, last})
    shares = [valid_shares(deepest, rate=rate) for rate in rates]
    return TapCurves(
        size=deepest,
        rates=rates,
        shares={taps: [share[taps] for share in shares] for taps in shares[0]},
        marked=marked,
        marked_name="rates of the ASPP" if pyramid else "rates of the backbone",
    )
