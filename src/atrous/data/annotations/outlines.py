"""Named outlines as annotation tools write them, and their label maps.

An outline becomes pixels when the size of its picture is known: coordinates may be shares of it. Outlines are painted
in their order, later ones over earlier ones.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Integer

from atrous.data.annotations.bitmaps import bitmap_of, decode_brush, placed
from atrous.data.annotations.named_shapes import Shape, paint
from atrous.data.annotations.regions import FARTHEST, Region, polygon_region, runs_region
from atrous.data.formats.images import MAX_PIXELS, read_labels
from atrous.data.formats.tiff import upright_picture_size
from atrous.data.pairs import Pair, check_declared_size
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.sizes import Size


@runtime_checkable
class Outline(Protocol):
    """A part of a picture that becomes pixels when the size is known."""

    def region(self, size: Size) -> Region:
        """The pixels of the part; raises ValueError where it makes no sense."""
        ...


@dataclass(frozen=True, eq=False)
class Polygon:
    """A polygon with holes.

    Attributes:
        rings: Corners (x, y) of the outer ring, then of the holes; inside is by the even-odd rule.
        scale: Coordinates of the full width and height; None where they are pixels.
    """

    rings: tuple[Float64[np.ndarray, "_ 2"], ...]
    scale: float | None = None

    def region(self, size: Size) -> Region:
        """The pixels inside an odd number of rings."""
        factor = np.array([1.0, 1.0] if self.scale is None else [size[1] / self.scale, size[0] / self.scale])
        first, *holes = [polygon_region(ring * factor, size=size) for ring in self.rings if len(ring) > 2] or [
            polygon_region(self.rings[0], size=size)
        ]
        if not holes:
            return first
        whole = np.zeros(size, bool)
        first.paint(whole, value=True)
        for hole in holes:
            inside = np.zeros(size, bool)
            hole.paint(inside, value=True)
            whole ^= inside
        return Region(0, 0, whole)

    def turned(self, degrees: float) -> "Polygon":
        """The polygon turned clockwise about the middle of its outer ring."""
        middle = (self.rings[0].min(axis=0) + self.rings[0].max(axis=0)) / 2
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.array([[cos, sin], [-sin, cos]])
        return Polygon(tuple((ring - middle) @ turn + middle for ring in self.rings), scale=self.scale)


@dataclass(frozen=True)
class Ellipse:
    """An axis-aligned ellipse: centre and half axes in pixels, or in shares of `scale`, and its turn in degrees."""

    center: tuple[float, float]
    radii: tuple[float, float]
    turn: float = 0.0
    scale: float | None = None

    def region(self, size: Size) -> Region:
        """The pixels whose centres are inside."""
        sx, sy = (1.0, 1.0) if self.scale is None else (size[1] / self.scale, size[0] / self.scale)
        y, x = np.ogrid[0.5 : size[0], 0.5 : size[1]]
        x, y = x - self.center[0] * sx, y - self.center[1] * sy
        cos, sin = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        rx, ry = self.radii[0] * sx, self.radii[1] * sy
        if not (0 < rx < 1e7 and 0 < ry < 1e7):
            raise ValueError("an ellipse without an inside")
        return Region(0, 0, ((x * cos + y * sin) / rx) ** 2 + ((y * cos - x * sin) / ry) ** 2 <= 1)


@dataclass(frozen=True)
class Runs:
    """Run lengths over the whole picture, column by column, outside first."""

    counts: tuple[int, ...]

    def region(self, size: Size) -> Region:
        """The pixels inside."""
        return runs_region(self.counts, size=size)


@dataclass(frozen=True)
class WindowRuns:
    """Run lengths over a window (left, top, width, height), row by row, outside first."""

    counts: tuple[int, ...]
    window: tuple[int, int, int, int]

    def region(self, size: Size) -> Region:
        """The pixels inside, cut off at the picture's edges."""
        left, top, width, height = self.window
        if min(width, height) < 1 or width * height > MAX_PIXELS or min(self.counts) < 0:
            raise ValueError("run lengths of a window that is no part of a picture")
        if sum(self.counts) != width * height:
            raise ValueError(f"run lengths that do not add up to {width} x {height} pixels")
        inside = np.repeat(np.arange(len(self.counts)) % 2 == 1, self.counts).reshape(height, width)
        return placed(inside, (left, top), size=size)


@dataclass(frozen=True)
class StartRuns:
    """Pairs of a first pixel, counted from 1, and a length: column by column, or row by row."""

    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    by_rows: bool = False

    def region(self, size: Size) -> Region:
        """The pixels of all runs."""
        inside = np.zeros(size[0] * size[1], bool)
        for start, length in zip(self.starts, self.lengths, strict=True):
            if start < 1 or length < 0 or start - 1 + length > inside.size:
                raise ValueError(f"a run of {length} pixels from {start} in a picture of {size[1]} x {size[0]}")
            inside[start - 1 : start - 1 + length] = True
        shape = size if self.by_rows else size[::-1]
        grid = inside.reshape(shape)
        return Region(0, 0, np.ascontiguousarray(grid if self.by_rows else grid.T))


@dataclass(frozen=True)
class Bitmap:
    """A small picture of the part, whose upper left corner is at a place (x, y) of the picture.

    Attributes:
        data: The picture's file, in base64; first unpacked by zlib where `packed`.
        origin: Column and row of its first pixel.
        packed: True for Supervisely's bitmaps.
    """

    data: str
    origin: tuple[int, int] = (0, 0)
    packed: bool = False

    def region(self, size: Size) -> Region:
        """The pixels that are set, cut off at the picture's edges."""
        return placed(bitmap_of(self.data, packed=self.packed), self.origin, size=size)


@dataclass(frozen=True, eq=False)
class BoxedMask:
    """A mask that fills a box, whose left, top, width and height are shares of the picture."""

    inside: Bool[np.ndarray, "h w"]
    box: tuple[float, float, float, float]

    def region(self, size: Size) -> Region:
        """The mask at the size of the box in pixels, each pixel from the nearest one."""
        left, top = round(self.box[0] * size[1]), round(self.box[1] * size[0])
        width, height = max(1, round(self.box[2] * size[1])), max(1, round(self.box[3] * size[0]))
        if width > 4 * size[1] or height > 4 * size[0]:
            raise ValueError("a box that is not in the picture")
        rows = (np.arange(height) + 0.5) * self.inside.shape[0] // height
        columns = (np.arange(width) + 0.5) * self.inside.shape[1] // width
        return placed(self.inside[rows.astype(int)[:, None], columns.astype(int)], (left, top), size=size)


@dataclass(frozen=True)
class MaskFile:
    """A picture of its own, whose pixels that are not 0 are the part."""

    path: Path

    def region(self, size: Size) -> Region:
        """The pixels that are not 0; raises InputError where the file cannot be read."""
        inside = read_labels(self.path) != 0
        if inside.shape != size:
            raise ValueError(f"{self.path} has another size than its picture")
        return Region(0, 0, inside)


@dataclass(frozen=True)
class Brush:
    """Label Studio's brush strokes: the bytes of its run lengths, and the size of their picture."""

    data: bytes
    drawn_on: Size

    def region(self, size: Size) -> Region:
        """The pixels that are painted at all."""
        if self.drawn_on != size:
            raise ValueError("brush strokes of a picture of another size")
        return Region(0, 0, decode_brush(self.data, size=size))


@dataclass(frozen=True)
class Drawing:
    """The outlines of one picture.

    Attributes:
        shapes: Names and outlines in the order in which they are painted.
        size: Height and width as the annotations state them; None where the picture's are taken.
        skipped: What was drawn but has no inside, such as lines: kind -> number.
    """

    shapes: tuple[tuple[str, Outline], ...]
    size: Size | None = None
    skipped: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Drawings:
    """Reads the class ids of pictures from outlines.

    Attributes:
        drawings: By the name of the pair.
    """

    drawings: Mapping[str, Drawing]

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of one picture; raises InputError where an outline makes no sense."""
        drawing = self.drawings[pair.name]
        if drawing.size:
            check_declared_size(pair, drawing.size)
        size = drawing.size or upright_picture_size(pair.image)
        try:
            return paint((Shape(name, one.region(size)) for name, one in drawing.shapes), size=size, schema=schema)
        except ValueError as error:
            raise InputError(f"{pair.mask}: {pair.name}: {error}; correct it in your tool and export again") from error

    def names(self, pair: Pair) -> Set[str]:
        """The names of the outlines on a picture."""
        return {name for name, _ in self.drawings[pair.name].shapes}


def rectangle(left: float, top: float, right: float, bottom: float, *, scale: float | None = None) -> Polygon:
    """A rectangle between two corners."""
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Polygon((np.array(corners, np.float64),), scale=scale)


def ring(points: object, *, path: Path) -> Float64[np.ndarray, "_ 2"]:
    """Pairs of numbers as corners; raises InputError on anything else."""
    try:
        corners = np.array(points, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a polygon whose corners are not pairs of numbers; export it again") from error
    if not (np.abs(corners) <= FARTHEST).all():  # not a number is not, either
        raise InputError(f"{path}: a polygon whose corners are not finite, or beyond {FARTHEST:g}; export it again")
    return corners
