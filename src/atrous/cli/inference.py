"""How to ask the weights: the options that `predict` and `evaluate` share."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from atrous.cli.device import Device, choose_device
from atrous.cli.load import load_weights
from atrous.inference.predictor import Predictor
from atrous.sizes import parse_size


@dataclass(frozen=True)
class Inference:
    """Output stride, scales and flip of the papers' inference strategies, and where to compute."""

    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the weights' own."""
    scales: tuple[float, ...] = (1.0,)
    """Image sizes to average over; the papers: 0.5 0.75 1 1.25 1.5 1.75."""
    flip: bool = False
    """Average with the mirrored picture, too."""
    pad: Annotated[str | None, tyro.conf.arg(metavar="SIZE")] = None
    """Pad every picture with the mean pixel to this size, as the papers do: 513, 1025x2049 (height x width)."""
    device: Device = "auto"
    """Where to compute."""

    def predictor(self, weights: str) -> Predictor:
        """Load the weights, by file or name, and settle how they are asked; raises InputError as both do."""
        device = choose_device(self.device)
        pad = None if self.pad is None else parse_size(self.pad)
        return Predictor(
            load_weights(weights),
            output_stride=self.output_stride,
            scales=self.scales,
            flip=self.flip,
            pad=pad,
            device=device,
        )
