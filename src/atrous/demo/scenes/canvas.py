"""A canvas that takes colour and class at once: pictures antialiased by supersampling, masks crisp."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from PIL import Image, ImageDraw

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Patch:
    """A part of the canvas: a box, and which of its pixels belong to a shape.

    Attributes:
        rows: The box's rows.
        columns: The box's columns.
        inside: The shape.
    """

    rows: slice
    columns: slice
    inside: Bool[np.ndarray, "h w"]

    @property
    def x(self) -> Float32[np.ndarray, "1 w"]:
        """The canvas column of every column of the box."""
        return np.arange(self.columns.start, self.columns.stop, dtype=np.float32)[None, :]

    @property
    def y(self) -> Float32[np.ndarray, "h 1"]:
        """The canvas row of every row of the box."""
        return np.arange(self.rows.start, self.rows.stop, dtype=np.float32)[:, None]


class Canvas:
    """Colours (0..255, floating point) and class ids of a scene, at `SUPERSAMPLING` times its size.

    Shapes are in canvas pixels, x to the right, y down; what is outside is cut off.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height * SUPERSAMPLING, width * SUPERSAMPLING
        self._pixels = np.zeros((self.height, self.width, 3), np.float32)
        self.labels = np.zeros((self.height, self.width), np.uint8)

    def polygon(self, points: Sequence[tuple[float, float]]) -> Patch:
        """A filled polygon."""
        rows, columns = self._box(points)
        mask = Image.new("1", (columns.stop - columns.start, rows.stop - rows.start))
        if 0 not in mask.size:
            ImageDraw.Draw(mask).polygon([(x - columns.start, y - rows.start) for x, y in points], fill=1)
        return Patch(rows, columns, np.array(mask))

    def ellipse(self, center: tuple[float, float], radius: tuple[float, float]) -> Patch:
        """A filled ellipse with upright axes."""
        (cx, cy), (rx, ry) = center, radius
        box = Patch(*self._box([(cx - rx, cy - ry), (cx + rx, cy + ry)]), np.zeros((0, 0), bool))
        return Patch(box.rows, box.columns, ((box.x - cx) / rx) ** 2 + ((box.y - cy) / ry) ** 2 <= 1)

    def below(self, curve: Float[np.ndarray, " w"]) -> Patch:
        """Everything from a curve, a height per column, down to the lower edge."""
        top = int(np.clip(curve.min(), 0, self.height))
        y = np.arange(top, self.height)[:, None]
        return Patch(slice(top, self.height), slice(0, self.width), y >= curve[None, :])

    def paint(self, patch: Patch, color: np.ndarray, *, label: int | None = None, strength: float = 1.0) -> None:
        """Lay a colour, one or a `[h, w, 3]` of them, over a shape; where it has a label, that replaces the old."""
        pixels = self._pixels[patch.rows, patch.columns]
        pixels += (color - pixels) * (patch.inside * np.float32(strength))[..., None]
        if label is not None:
            self.labels[patch.rows, patch.columns][patch.inside] = label

    def developed(
        self, *, exposure: float, grain: Float32[np.ndarray, "h w 3"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        """The picture, averaged over the supersamples, and the mask, where one of them decides."""
        n = SUPERSAMPLING
        image = sum(self._pixels[i::n, j::n] for i in range(n) for j in range(n)) * np.float32(exposure / n**2)
        return np.clip(image + grain + 0.5, 0, 255).astype(np.uint8), self.labels[n // 2 :: n, n // 2 :: n].copy()

    def _box(self, points: Sequence[tuple[float, float]]) -> tuple[slice, slice]:
        xs, ys = zip(*points, strict=True)
        top, bottom = (int(np.clip(edge, 0, self.height)) for edge in (min(ys), max(ys) + 2))
        left, right = (int(np.clip(edge, 0, self.width)) for edge in (min(xs), max(xs) + 2))
        return slice(top, bottom), slice(left, right)
