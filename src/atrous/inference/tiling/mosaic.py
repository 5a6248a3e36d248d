"""A picture of any size, tile by tile: coarse logits blended where tiles overlap, final windows as soon as they are.

    logits of the picture(position) = sum over tiles of share(position) * logits of the tile(position)

Shares are a product along both axes and add up to 1. What is held besides a tile are the strips in which the word
passes to the tile on the right and to the row of tiles below.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise, product

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.analysis.receptive_field import receptive_fields
from atrous.data.formats.windows import Pixels
from atrous.inference.tiling.blend_weights import BlendWeights, blend_weights
from atrous.inference.tiling.global_context import GlobalContext, Tile
from atrous.inference.tiling.tiles import Span, Tiling, spans
from atrous.model.deeplab import DeepLab, Images
from atrous.ops.bilinear import Neighbours, between_columns, between_rows
from atrous.ops.label_map.argmax_at import argmax_at
from atrous.ops.label_map.upsample_argmax import exact_dtype
from atrous.ops.upsample import row_bands

MOST_PENDING = 2**24
"""Most logits that are held for the row of tiles below: with many classes the word passes over fewer positions."""

OnProgress = Callable[[int, int], None]
"""OnProgress (tiles done, tiles in all)."""


@dataclass(frozen=True)
class Window:
    """Some pixels of the picture, and the logits around them.

    Attributes:
        rows: Of the picture.
        columns: Likewise.
        logits: Coarse, of the whole picture, as far as they matter here.
        places: Between which of their rows, and of their columns, the pixels lie.
    """

    rows: slice
    columns: slice
    logits: Float[Tensor, "1 k h w"]
    places: tuple[Neighbours, Neighbours]

    def labels(self) -> Integer[Tensor, "n m"]:
        """The class of the largest logit at every pixel."""
        return argmax_at(self.logits, *self.places)[0]

    def probabilities(self) -> Iterator[tuple[slice, Float[Tensor, "k n m"]]]:
        """The softmax at some rows of the picture at a time."""
        rows, columns = self.places
        floats = self.logits.shape[1] * len(columns.first)
        for band in row_bands(len(rows.first), row_floats=floats):
            full = between_columns(between_rows(self.logits, rows.part(band)), columns)
            start = self.rows.start
            yield slice(start + band.start, start + band.stop), full.softmax(dim=1)[0]


def windows(
    model: DeepLab, pixels: Pixels, *, tiling: Tiling, on_progress: OnProgress | None = None
) -> Iterator[Window]:
    """The windows of a picture, from left to right and from top to bottom; every pixel is in one of them.

    Args:
        model: In eval mode.
        pixels: The picture, read where it is needed.
        tiling: How it is cut.
        on_progress: Progress; passes for the means of the picture count.

    Raises:
        InputError: If tiles are too small for their overlap, the picture has other channels than the model takes, or
            cannot be read.
    """
    mosaic = _Mosaic(model, pixels, tiling, on_progress or (lambda _done, _all: None))
    yield from mosaic.windows()


def label_strips(found: Iterator[Window], *, width: int) -> Iterator[Integer[np.ndarray, "n w"]]:
    """Labels by strips of whole rows, from top to bottom."""
    for (start, stop), row in groupby(found, key=lambda window: (window.rows.start, window.rows.stop)):
        strip = None
        for window in row:
            labels = window.labels().cpu().numpy()
            if strip is None:
                strip = np.empty((stop - start, width), labels.dtype)
            strip[:, window.columns] = labels
        assert strip is not None
        yield strip


class _Mosaic:
    """The tiles of a picture and how they follow each other."""

    def __init__(self, model: DeepLab, pixels: Pixels, tiling: Tiling, on_progress: OnProgress) -> None:
        here = model.classifier.weight
        placement, stride = model.placement(pixels.size), model.logits_stride
        coarse = (-(-placement.size[0] // stride), -(-placement.size[1] // stride))
        places = placement.places(coarse, like=here.new_empty(0, dtype=exact_dtype(here.dtype)))
        # Where tiles know all that matters for a position they agree, and there is nothing to hide.
        agree = tiling.overlap >= receptive_fields(model)["classifier"]
        most = MOST_PENDING // (model.config.classes * coarse[1]) * stride
        fade = 0 if agree else min(tiling.overlap // 2, most)
        self._axes: list[tuple[list[tuple[Span, Span]], tuple[BlendWeights, ...]]] = []
        for length, along in zip(placement.size, places, strict=True):
            cut = spans(length, tiling=tiling, multiple=model.output_stride, stride=stride, fade=fade)
            self._axes.append(([*pairwise((*cut, cut[-1]))], blend_weights(cut, along, stride=stride)))
        self._context = GlobalContext(model, size=placement.size)
        self._pixels, self._device, self._on_progress = pixels, here.device, on_progress
        self._means = self._context.means if tiling.means == "picture" else ()
        (rows, _), (columns, _) = self._axes
        if len(rows) * len(columns) == 1:
            self._means = ()
        self._done, self._all = 0, len(rows) * len(columns) * (len(self._means) + 1)

    def windows(self) -> Iterator[Window]:
        (row_tiles, rows), (column_tiles, columns) = self._axes
        for mean in self._means:
            visit = self._context.collect(mean)
            for tile in product(row_tiles, column_tiles):
                visit(self._read(tile), tile)
                self._advance()
            self._context.finish(mean)
        above = None
        for row_tile, row in zip(row_tiles, rows, strict=True):
            left, below = None, []
            for column_tile, column in zip(column_tiles, columns, strict=True):
                tile = row_tile, column_tile
                shared = self._shared(self._context.logits(self._read(tile), tile), row, column)
                if left is not None:
                    shared[..., : left.shape[-1]] += left
                left = shared[..., column.pending].clone()
                block = shared[..., : column.final]
                if above is not None:
                    block[:, :, : above.shape[2]] += above[..., column.whole]
                # The last final column comes again with the next tile.
                fresh = slice(0, None if column is columns[-1] else -1)
                below.append(block[:, :, row.pending, fresh].clone())
                yield Window(row.pixels, column.pixels, block[:, :, : row.final], places=(row.places, column.places))
                self._advance()
            above = torch.cat(below, dim=3)

    def _read(self, tile: Tile) -> Images:
        (row, _), (column, _) = tile
        height, width = self._pixels.size
        image = self._pixels.read(slice(row.begin, min(row.end, height)), slice(column.begin, min(column.end, width)))
        return torch.from_numpy(image).permute(2, 0, 1)[None].to(self._device)

    def _shared(self, logits: Tensor, row: BlendWeights, column: BlendWeights) -> Float[Tensor, "1 k h w"]:
        local = logits[:, :, row.local, column.local]
        return local * row.weights[:, None] * column.weights

    def _advance(self) -> None:
        self._done += 1
        self._on_progress(self._done, self._all)
