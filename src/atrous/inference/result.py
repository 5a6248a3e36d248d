"""The result of a prediction."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer, UInt8
from PIL import Image

from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png
from atrous.report.pictures import overlay, with_legend
from atrous.report.polygons import Polygon, trace_polygons

SHOWN_SIDE = 1024
"""Longest side of the overlay that a notebook shows."""

_NAMED_CLASSES = 8


@dataclass(frozen=True, repr=False)
class Result:
    """Label map of one image. A notebook shows it as the image with its labels.

    Attributes:
        labels: Class id of every pixel; uint8, or int16 for more than 255 classes.
        image: The image that was predicted, 0..255.
        space: Names and colours of the classes.
        probabilities: Probability of every class at every pixel; None unless it was asked for.
    """

    labels: Integer[np.ndarray, "h w"]
    image: UInt8[np.ndarray, "h w c"]
    space: LabelSpace
    probabilities: Float32[np.ndarray, "k h w"] | None = field(default=None)

    def __repr__(self) -> str:
        height, width = self.labels.shape
        shares = [f"{name} {share:.1%}" for name, share in self.shares().items()]
        more = f", {len(shares) - _NAMED_CLASSES} more" if len(shares) > _NAMED_CLASSES else ""
        return f"Result({height}x{width} pixels: {', '.join(shares[:_NAMED_CLASSES])}{more})"

    def save(self, path: str | Path) -> None:
        """Write the label map as indexed PNG with its palette (16-bit grey for more than 255 classes).

        Raises:
            InputError: If the file cannot be written.
        """
        write_label_png(Path(path), self.labels, self.space)

    def overlay(self, *, opacity: float = 0.55, legend: bool = True) -> Image.Image:
        """Return the RGB image blended with the class colours.

        Args:
            opacity: Weight of the class colours, 0..1.
            legend: If true, a strip below the image names the classes that occur.
        """
        blended = overlay(self.image, self.labels, self.space, opacity=opacity)
        if legend:
            blended = with_legend(blended, self.space, present=map(int, np.unique(self.labels)))
        return Image.fromarray(blended)

    def show(self) -> None:
        """Open the overlay in the image viewer of the system."""
        self.overlay().show(title="atrous")

    def shares(self) -> dict[str, float]:
        """Share of the pixels, 0..1, by name, for the classes that occur, the largest first."""
        class_ids, counts = np.unique(self.labels, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {self.space.names[class_ids[i]]: float(counts[i] / self.labels.size) for i in order}

    def polygons(self, *, tolerance: float = 1.0) -> dict[str, list[Polygon]]:
        """Outlines of the regions by class name, in pixels; see `report/polygons.py`.

        Args:
            tolerance: Largest distance in pixels between an outline and its simplification; 0 keeps it exact.
        """
        found: dict[str, list[Polygon]] = {}
        for polygon in trace_polygons(self.labels, tolerance=float(tolerance)):
            found.setdefault(self.space.names[polygon.class_id], []).append(polygon)
        return found

    def _repr_png_(self) -> bytes:
        """Return the overlay as PNG for notebooks, shrunk to `SHOWN_SIDE` pixels."""
        step = -(-max(self.labels.shape) // SHOWN_SIDE)
        shrunk = Result(self.labels[::step, ::step], self.image[::step, ::step], self.space)
        file = io.BytesIO()
        shrunk.overlay().save(file, format="PNG")
        return file.getvalue()
