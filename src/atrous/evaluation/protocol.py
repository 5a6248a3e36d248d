"""The protocol of an evaluation: everything that changes its numbers besides the weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from atrous.data.dataset import DataSet
from atrous.evaluation.boundaries import BOUNDARY_DISTANCE, TrimapCentre
from atrous.inference.in_tiles import WHOLE_PIXELS
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.tiles import Tiling
from atrous.report.tables import Cell
from atrous.sizes import size_text
from atrous.version import __version__

_TILING = Tiling()
IN_TILES = (
    f"native, in tiles of {_TILING.size} that overlap by {_TILING.overlap} beyond {math.isqrt(WHOLE_PIXELS)}x"
    f"{math.isqrt(WHOLE_PIXELS)} pixels"
)
"""The size rule where images were predicted in tiles."""


@dataclass(frozen=True)
class Protocol:
    """Conditions under which the numbers were measured.

    Attributes:
        data: Description of the data set: name, split, how it was chosen, number of images, licence.
        size_rule: `native`: whole images at their own size; `native, in tiles ...`: large ones in tiles. `pad 513x513`,
            `pad 1025x2049` (height x width): every image padded with the mean colour, below and right, to that size, as
            in the papers; padding is never counted.
        output_stride: Output stride of the backbone.
        scales: Image sizes whose probabilities were averaged.
        flip: True if the probabilities of the mirrored images were averaged, too.
        ignore: Value of true labels that was not counted.
        weights_sha256: Hash of the archive; None for a model that came from no archive.
        device: `cpu`, `cuda` ...
        precision: Number type that the network computed in.
        boundary_distance: Distance of Boundary IoU as a share of the image's diagonal.
        trimap: What the bands of the trimap curve surround.
        software: Versions of this package and of torch.
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
    boundary_distance: float = BOUNDARY_DISTANCE
    trimap: TrimapCentre = "label boundaries"
    software: str = f"atrous {__version__}, torch {version('torch')}"

    @classmethod
    def of(cls, predictor: Predictor, dataset: DataSet, *, trimap: TrimapCentre, in_tiles: bool = False) -> "Protocol":
        """Protocol of a predictor on a data set; what depends on its pictures is known after counting.

        Args:
            predictor: Model and settings.
            dataset: Labelled samples.
            trimap: What the bands of the trimap curve surround.
            in_tiles: True if images were predicted in tiles for their size.
        """
        native = IN_TILES if in_tiles else "native"
        return cls(
            data=dataset.describe(),
            output_stride=predictor.output_stride,
            scales=predictor.scales,
            flip=predictor.flip,
            ignore=dataset.labels.ignore,
            weights_sha256=predictor.sha256,
            device=predictor.device.type,
            precision=predictor.precision,
            size_rule=native if predictor.pad is None else f"pad {size_text(predictor.pad)}",
            trimap=trimap,
        )

    def facts(self) -> dict[str, Cell]:
        """Return names and values for people to read."""
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
