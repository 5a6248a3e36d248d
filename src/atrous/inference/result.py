"""The result of a prediction."""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, Integer, UInt8
from PIL import Image

from atrous.data.annotations.color_masks import occurrences
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.labels.polygons import Polygon, trace_polygons
from atrous.ops.label_map.labels import label_dtype
from atrous.report.label_png import write_label_png
from atrous.report.notebook import notebook_viewer
from atrous.report.overlay_colors import background_class, bright_space, outlines
from atrous.report.pictures import overlay, with_legend
from atrous.sizes import ceil_div

SHOWN_SIDE = 1024
"""Longest side of the overlay that a notebook shows."""

_NAMED_CLASSES = 8
_OTHER_PICTURES = {".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def map_dtype(classes: int) -> type[np.uint8] | type[np.int16]:
    """Number type of label maps as arrays; the rule is that of `ops.label_dtype`."""
    return np.uint8 if label_dtype(classes) == torch.uint8 else np.int16


@dataclass(frozen=True, repr=False)
class Result:
    """Label map of one image. A notebook shows it as the image under its labels, in the viewer of the reports.

    Attributes:
        labels: Class id of every pixel; uint8, or int16 for more than 255 classes. Pixels of an image file that have no
            data (NaN, or GDAL's mark) are the ignore value.
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
            InputError: If the name is that of another kind of picture, or the file cannot be written.
        """
        if Path(path).suffix.lower() in _OTHER_PICTURES:
            raise InputError(f"{path}: label maps are PNG, in which class ids stay what they are; end the name in .png")
        write_label_png(Path(path), self.labels, self.space)

    def overlay(
        self, *, opacity: float = 0.55, legend: bool = True, background: bool = False, contours: bool = False
    ) -> Image.Image:
        """Return the RGB image blended with the class colours, and regions outlined; ignored pixels keep the image.

        Label spaces without colours of their own are painted in bright, distinct ones.

        Args:
            opacity: Weight of the class colours, 0..1.
            legend: If true, a strip below the image names the classes that occur.
            background: If true, a background class is painted, too; else its pixels keep the image.
            contours: If true, only the outlines of regions are drawn.
        """
        space = bright_space(self.space)
        bare = None if background else background_class(space)
        blended = overlay(self.image, self.labels, space, opacity=0.0 if contours else opacity, bare=bare)
        edges = outlines(self.labels)
        colors = np.array(space.palette, np.uint8)
        inner = _inner(self.labels, bare)
        edges &= inner != space.ignore  # pixels without data have no colour and keep the image
        blended[edges] = colors[inner[edges]]
        if legend:
            present = [int(label) for label in np.unique(self.labels) if label != bare]
            blended = with_legend(blended, space, present=present)
        return Image.fromarray(blended)

    def show(self) -> None:
        """Open the overlay in the image viewer of the system."""
        self.overlay().show(title="atrous")

    def shares(self) -> dict[str, float]:
        """Share of the pixels, 0..1, by name, for the classes that occur, the largest first."""
        counts = occurrences(self.labels, length=len(self.space))[: len(self.space)]
        return class_shares(counts, self.space, pixels=self.labels.size)

    def polygons(self, *, tolerance: float = 1.0) -> dict[str, list[Polygon]]:
        """Outlines of the regions by class name, the largest first, in pixels; see `labels/polygons.py`.

        Args:
            tolerance: Largest distance in pixels between an outline and its simplification; 0 keeps it exact.
        """
        found: dict[str, list[Polygon]] = {}
        for polygon in trace_polygons(self.labels, classes=range(len(self.space)), tolerance=float(tolerance)):
            found.setdefault(self.space.names[polygon.label], []).append(polygon)
        return found

    def _repr_html_(self) -> str:
        """Return the viewer for notebooks that run scripts: opacity, zoom, legend with shares."""
        return notebook_viewer(self.image, self.labels, bright_space(self.space), shares=self.shares())

    def _repr_png_(self) -> bytes:
        """Return the overlay as PNG, shrunk to `SHOWN_SIDE` pixels, for notebooks that show pictures only."""
        step = ceil_div(max(self.labels.shape), SHOWN_SIDE)
        shrunk = Result(self.labels[::step, ::step], self.image[::step, ::step], self.space)
        file = io.BytesIO()
        shrunk.overlay().save(file, format="PNG")
        return file.getvalue()


def class_shares(counts: Int64[np.ndarray, " k"], space: LabelSpace, *, pixels: int) -> dict[str, float]:
    """Share 0..1 of an image's `pixels` by name, for the classes whose count is not 0, the largest first."""
    order = [label for label in np.argsort(-counts, kind="stable") if counts[label]]
    return {space.names[label]: float(counts[label] / pixels) for label in order}


def _inner(labels: Integer[np.ndarray, "h w"], bare: int | None) -> Integer[np.ndarray, "h w"]:
    """The label that colours the outline at each pixel: its own, or at the background that of its neighbour."""
    if bare is None:
        return labels
    right, below = labels.copy(), labels.copy()
    right[:, :-1], below[:-1] = labels[:, 1:], labels[1:]
    return np.where(labels != bare, labels, np.where(right != bare, right, below))


def without_missing(result: Result, missing: Bool[np.ndarray, "h w"] | None) -> Result:
    """The result with the ignore value at pixels without data."""
    if missing is None:
        return result
    return replace(result, labels=ignored_at(missing, result.labels, ignore=result.space.ignore))


def ignored_at(
    missing: Bool[np.ndarray, "h w"], labels: Integer[np.ndarray, "h w"], *, ignore: int
) -> Integer[np.ndarray, "h w"]:
    """Labels with the ignore value where pixels have no data, in a type that holds it."""
    dtype = labels.dtype if ignore <= np.iinfo(labels.dtype).max else np.dtype(np.uint16)
    return np.where(missing, np.asarray(ignore, dtype), labels.astype(dtype))
