"""Weights, device and inference strategy: the options that `predict` and `evaluate` share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from atrous.cli.console import progress_callback
from atrous.cli.weight_settings import WeightSettings, tell_choices
from atrous.errors import InputError
from atrous.inference.device import choose_device
from atrous.inference.engines.open_engine import is_exported
from atrous.inference.precision import Precision
from atrous.inference.predictor import Predictor
from atrous.sizes import parse_size
from atrous.weights.archive import Archive
from atrous.weights.load import load


@dataclass(frozen=True)
class Inference:
    """Output stride, scales and flip of the papers' inference strategies, and the device."""

    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the weights' own."""
    scales: tuple[float, ...] = (1.0,)
    """Image sizes to average over; the papers: 0.5 0.75 1 1.25 1.5 1.75."""
    flip: bool = False
    """Average with the prediction of the mirrored picture."""
    pad: Annotated[str | None, tyro.conf.arg(metavar="SIZE")] = None
    """Pad every picture with the mean pixel to this size, as the papers do: 513, 1025x2049 (height x width)."""
    device: str = "auto"
    """Device to compute on: auto, cpu, cuda, cuda:1, mps; auto takes CUDA, else Apple's MPS, else the CPU."""
    weight_settings: WeightSettings = field(default_factory=WeightSettings)
    precision: Precision = "float32"
    """Number type of the computation; auto compares half precision with float32 on generated images, once."""

    def predictor(self, weights: str) -> Predictor:
        """Load weights by file or name into a predictor; raises InputError if they or the options are unusable."""
        if is_exported(weights) and self.weight_settings != WeightSettings():
            raise InputError(f"{weights} is an exported file, whose settings are built in; state none for it")
        return self.predictor_of(Path(weights) if is_exported(weights) else load_weights(weights, self.weight_settings))

    def predictor_of(self, weights: Path | Archive) -> Predictor:
        """Return a predictor of loaded weights, or of an exported file; raises InputError for unusable options."""
        device = self.device if isinstance(weights, Path) else choose_device(self.device)
        pad = None if self.pad is None else parse_size(self.pad)
        return Predictor(
            weights,
            output_stride=self.output_stride,
            scales=self.scales,
            flip=self.flip,
            pad=pad,
            device=device,
            precision=self.precision,
        )


def load_weights(source: str, settings: WeightSettings | None = None) -> Archive:
    """Load weights as `atrous.load` does, with a progress bar while they are downloaded; tell what was assumed.

    Raises:
        InputError: If the weights cannot be loaded.
    """
    with progress_callback("downloading weights") as on_progress:
        archive = load(source, **({} if settings is None else vars(settings)), on_progress=on_progress)
    tell_choices(archive)
    return archive
