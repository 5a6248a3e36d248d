"""How a number was measured; a result without it is not a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from atrous.data.dataset import DataSet
from atrous.evaluation.boundary_iou import DISTANCE
from atrous.evaluation.trimap import Around
from atrous.inference.predictor import Predictor
from atrous.report.tables import Cell
from atrous.sizes import size_text
from atrous.version import __version__


@dataclass(frozen=True)
class Protocol:
    """Everything that moves the numbers.

    Attributes:
        data: What the data set says of itself: name, split, how it was chosen, number of images, licence.
        size_rule: `native`: whole images at their own size. `pad 513x513`, `pad 1025x2049` (height x width): the image
            at the top left of one of that size in the mean colour, as in the papers; the padding is never counted.
        output_stride: Of the backbone.
        scales: Image sizes whose probabilities were averaged.
        flip: Whether mirrored images took part.
        ignore: True value that was not counted.
        weights_sha256: Of the archive; None where the weights came out of a running program.
        device: `cpu`, `cuda` ...
        precision: Number type of the weights.
        boundary_distance: Share of the diagonal within which boundary IoU counts.
        trimap: What the bands of the trimap curve lie around.
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
    size_rule: str = "native"
    boundary_distance: float = DISTANCE
    trimap: Around = "label boundaries"
    software: str = f"atrous {__version__}, torch {version('torch')}"

    @classmethod
    def of(cls, predictor: Predictor, dataset: DataSet, *, trimap: Around) -> "Protocol":
        """How this predictor is measured on this data set, whose trimap curve turned out to be of this kind."""
        return cls(
            data=dataset.describe(),
            output_stride=predictor.output_stride,
            scales=predictor.scales,
            flip=predictor.flip,
            ignore=dataset.labels.ignore,
            weights_sha256=predictor.sha256,
            device=predictor.device.type,
            precision=predictor.precision,
            size_rule="native" if predictor.pad is None else f"pad {size_text(predictor.pad)}",
            trimap=trimap,
        )

    def facts(self) -> dict[str, Cell]:
        """Names and values for people."""
        data = {f"data: {name.replace('_', ' ')}": str(value) for name, value in self.data.items()}
        return {
            **data,
            "image size": "native: whole images" if self.size_rule == "native" else self.size_rule,
            "boundary IoU": f"within {self.boundary_distance:.3g} of the diagonal from contours and border",
            "trimap": f"around {self.trimap}",
            "output stride": self.output_stride,
            "scales": ", ".join(f"{scale:g}" for scale in self.scales),
            "flip": "yes" if self.flip else "no",
            "ignore value": str(self.ignore),
            "weights (sha256)": self.weights_sha256 or "not from a file",
            "computed on": f"{self.device}, {self.precision}",
            "software": self.software,
        }
