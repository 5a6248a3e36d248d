"""Coarse logits of a large image, blended from its tiles, region by region.

    logits of the image(position) = sum over tiles of blend weight(position) * logits of the tile(position)

Tiles are visited from left to right and from top to bottom. Besides one tile, only the pending logits are in memory:
the columns shared with the tile to the right, and the rows shared with the row of tiles below.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.analysis.receptive_field import receptive_fields
from atrous.data.formats.windows import Pixels
from atrous.inference.tiling.blend_weights import BlendWeights, blend_weights
from atrous.inference.tiling.tile_model import TileModel
from atrous.inference.tiling.tiles import Tile, TileSpan, Tiling, tile_spans
from atrous.model.deeplab import DeepLab, Images
from atrous.ops.bilinear import Neighbours, interpolate_columns, interpolate_rows
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.upsample_argmax import upsample_argmax_at
from atrous.ops.upsample import row_bands
from atrous.sizes import ceil_div

MAX_PENDING = 2**24
"""Upper limit of the logits kept for the row of tiles below. With many classes it shortens the fades."""

OnProgress = Callable[[int, int], None]
"""Called with (tiles done, tiles in all)."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the image whose coarse logits are final.

    Attributes:
        rows: Rows of the image.
        columns: Columns of the image.
        logits: The coarse logits of the image that these pixels are interpolated from.
        row_neighbours: The two rows of `logits` between which each row of pixels is.
        column_neighbours: The two columns of `logits` between which each column of pixels is.
    """

    rows: slice
    columns: slice
    logits: Float[Tensor, "1 k h w"]
    row_neighbours: Neighbours
    column_neighbours: Neighbours

    def labels(self) -> Integer[Tensor, "n m"]:
        """Return the class of the largest logit at every pixel."""
        return upsample_argmax_at(self.logits, self.row_neighbours, self.column_neighbours)[0]

    def probabilities(self) -> Iterator[tuple[slice, Float[Tensor, "k n m"]]]:
        """Yield the softmax of the logits at every pixel, as pairs of (rows of the image, probabilities)."""
        floats = self.logits.shape[1] * len(self.column_neighbours.first)
        for band in row_bands(len(self.row_neighbours.first), row_floats=floats):
            rows = interpolate_rows(self.logits, self.row_neighbours.part(band))
            probabilities = interpolate_columns(rows, self.column_neighbours).softmax(dim=1)[0]
            yield slice(self.rows.start + band.start, self.rows.start + band.stop), probabilities


def predict_regions(
    model: DeepLab,
    pixels: Pixels,
    *,
    tiling: Tiling,
    dtype: torch.dtype | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Region]:
    """Predict an image tile by tile.

    Args:
        model: A model in eval mode.
        pixels: The image, read tile by tile.
        tiling: Size and overlap of the tiles.
        dtype: Number type of the computation; by default that of the weights.
        on_progress: Called after every tile; the passes that collect means over the image count, too.

    Yields:
        Regions of the image from left to right and from top to bottom. Every pixel is in exactly one of them.

    Raises:
        InputError: At the call, if tiles are too small for their overlap; while regions are computed, if the image has
            other channels than the model takes, or cannot be read.
    """
    dtype = dtype or model.classifier.weight.dtype
    return _TiledImage(model, pixels, tiling, dtype, on_progress or (lambda _done, _all: None)).regions()


def joined_label_rows(regions: Iterator[Region], *, width: int) -> Iterator[Integer[np.ndarray, "n w"]]:
    """Join the labels of regions that are side by side, and yield whole rows of the image, from top to bottom."""
    for (start, stop), regions_of_rows in groupby(regions, key=lambda region: (region.rows.start, region.rows.stop)):
        label_rows = None
        for region in regions_of_rows:
            labels = region.labels().cpu().numpy()
            if label_rows is None:
                label_rows = np.empty((stop - start, width), labels.dtype)
            label_rows[:, region.columns] = labels
        assert label_rows is not None
        yield label_rows


class _TiledImage:
    """An image divided into tiles, with the network that runs on them."""

    def __init__(
        self, model: DeepLab, pixels: Pixels, tiling: Tiling, dtype: torch.dtype, on_progress: OnProgress
    ) -> None:
        weight, placement, stride = model.classifier.weight, model.placement(pixels.size), model.logits_stride
        coarse = (ceil_div(placement.size[0], stride), ceil_div(placement.size[1], stride))
        neighbours = placement.neighbours(coarse, like=weight.new_empty(0, dtype=interpolation_dtype(dtype)))
        self._model = TileModel(model, size=placement.size, dtype=dtype)
        # With an overlap of the receptive field and equal means, neighbouring tiles have equal logits: no cross-fade.
        equal_means = not self._model.windowed and (tiling.mean_over == "image" or not self._model.mean_layers)
        agree = equal_means and tiling.overlap >= receptive_fields(model)["classifier"]
        max_fade = MAX_PENDING // (model.config.classes * coarse[1]) * stride
        fade = 0 if agree else min(tiling.overlap // 2, max_fade)
        (self._row_spans, self._row_weights), (self._column_spans, self._column_weights) = (
            _axis_tiles(length, along, tiling=tiling, model=model, fade=fade)
            for length, along in zip(placement.size, neighbours, strict=True)
        )
        self._pixels, self._device, self._on_progress = pixels, weight.device, on_progress
        tiles = len(self._row_spans) * len(self._column_spans)
        self._mean_layers = self._model.mean_layers if tiling.mean_over == "image" and tiles > 1 else ()
        self._done, self._all = 0, tiles * (len(self._mean_layers) + 1)

    def regions(self) -> Iterator[Region]:
        self._collect_means()
        above = None
        for row_span, row in zip(self._row_spans, self._row_weights, strict=True):
            left, below = None, list[Tensor]()
            for column_span, column in zip(self._column_spans, self._column_weights, strict=True):
                tile = Tile(row_span, column_span)
                blended = _blend(self._model.logits(self._read(tile), tile), row, column)
                if left is not None:
                    blended[..., : left.shape[-1]] += left
                # `left` is taken before `above` is added: the next tile adds `above` at these columns itself.
                left = blended[..., column.pending_slice].clone()
                block = blended[..., : column.final_count]
                if above is not None:
                    block[:, :, : above.shape[2]] += above[..., column.final_positions]
                # The last final column is also the first of the next tile.
                new_columns = slice(0, None if column is self._column_weights[-1] else -1)
                below.append(block[:, :, row.pending_slice, new_columns].clone())
                final = block[:, :, : row.final_count]
                yield Region(row.image_pixels, column.image_pixels, final, row.neighbours, column.neighbours)
                self._report_progress()
            above = torch.cat(below, dim=3)

    def _collect_means(self) -> None:
        for layer in self._mean_layers:
            with self._model.collecting_mean(layer) as add_tile:
                for tile in map(Tile._make, product(self._row_spans, self._column_spans)):
                    add_tile(self._read(tile), tile)
                    self._report_progress()

    def _read(self, tile: Tile) -> Images:
        """Read the pixels of a tile; what the network pads is not read."""
        rows, columns = (
            slice(span.begin, min(span.end, length)) for span, length in zip(tile, self._pixels.size, strict=True)
        )
        return torch.as_tensor(self._pixels.read(rows, columns)).permute(2, 0, 1)[None].to(self._device)

    def _report_progress(self) -> None:
        self._done += 1
        self._on_progress(self._done, self._all)


def _blend(logits: Tensor, row: BlendWeights, column: BlendWeights) -> Float[Tensor, "1 k h w"]:
    """Return the logits that a tile contributes to the image's: 0 at blend weight 0, even if infinite."""
    weights = row.weights[:, None] * column.weights
    return torch.where(weights == 0, 0, logits[:, :, row.tile_slice, column.tile_slice] * weights)


def _axis_tiles(
    length: int, neighbours: Neighbours, *, tiling: Tiling, model: DeepLab, fade: int
) -> tuple[tuple[TileSpan, ...], tuple[BlendWeights, ...]]:
    """Divide an axis of the image, and compute the tiles' blend weights along it."""
    stride = model.logits_stride
    spans = tile_spans(length, tiling=tiling, output_stride=model.output_stride, logits_stride=stride, fade=fade)
    return spans, blend_weights(spans, neighbours, logits_stride=stride)
