"""How to ask the weights: the options that `predict` and `evaluate` share."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from atrous.cli.device import Device, choose_device
from atrous.cli.weights import load_weights
from atrous.inference.predictor import Predictor


@dataclass(frozen=True)
class Inference:
    """Output stride, scales and flip of the papers' inference strategies, and where to compute."""

    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the weights' own."""
    scales: tuple[float, ...] = (1.0,)
    """Image sizes to average over; the papers: 0.5 0.75 1 1.25 1.5 1.75."""
    flip: bool = False
    """Average with the mirrored picture, too."""
    device: Device = "auto"
    """Where to compute."""

    def predictor(self, weights: str) -> Predictor:
        """Load the weights, by file or name, and settle how they are asked; raises InputError as both do."""
        device = choose_device(self.device)
        archive = load_weights(weights)
        return Predictor(archive, output_stride=self.output_stride, scales=self.scales, flip=self.flip, device=device)
