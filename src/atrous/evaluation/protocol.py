"""How a number was measured; a result without it is not a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from atrous.data.dataset import DataSet
from atrous.inference.predictor import Predictor
from atrous.report.tables import Cell


@dataclass(frozen=True)
class Protocol:
    """Everything that moves the numbers.

    Attributes:
        data: What the data set says of itself: name, split, how it was chosen, number of images, licence.
        size_rule: `native`: whole images at their own size, the network's padding cut off before anything is counted.
        output_stride: Of the backbone.
        scales: Image sizes whose probabilities were averaged.
        flip: Whether mirrored images took part.
        ignore: True value that was not counted.
        weights_sha256: Of the archive; None where the weights came out of a running program.
        device: `cpu`, `cuda` ...
        precision: Number type of the weights.
        software: Versions.
    """

    data: Mapping[str, Any]
    output_stride: int
    scales: tuple[float, ...]
    flip: bool
    ignore: int
    weights_sha256: str | None
    device: str
    precision: str
    size_rule: Literal["native"] = "native"
    software: str = f"atrous {version('atrous')}, torch {version('torch')}"

    @classmethod
    def of(cls, predictor: Predictor, dataset: DataSet) -> "Protocol":
        """How this predictor is measured on this data set."""
        return cls(
            data=dataset.describe(),
            output_stride=predictor.output_stride,
            scales=predictor.scales,
            flip=predictor.flip,
            ignore=dataset.labels.ignore,
            weights_sha256=predictor.sha256,
            device=predictor.device.type,
            precision=predictor.precision,
        )

    def facts(self) -> dict[str, Cell]:
        """Names and values for people."""
        data = {f"data: {name.replace('_', ' ')}": str(value) for name, value in self.data.items()}
        return {
            **data,
            "image size": "native: whole images" if self.size_rule == "native" else self.size_rule,
            "output stride": self.output_stride,
            "scales": ", ".join(f"{scale:g}" for scale in self.scales),
            "flip": "yes" if self.flip else "no",
            "ignore value": str(self.ignore),
            "weights (sha256)": self.weights_sha256 or "not from a file",
            "computed on": f"{self.device}, {self.precision}",
            "software": self.software,
        }
