"""A network that runs on a tile as on a part of its image.

Convolutions need no change: the overlap of tiles covers what they see. Two kinds of layers do:

* `ImageMean` (image pooling, squeeze-and-excite, the gates of Lite R-ASPP) averages over its whole input. On a tile it
  has to return the mean over the whole image, which is collected beforehand in a pass over all tiles.
* `Resize` interpolates between positions of a coarse and a fine map. On a tile it has to use the positions of the whole
  image, which differ from the tile's own unless sizes are fitted to the output stride.

`WindowMeans` (official MobileNetV3 heads) is left as it is, and averages over windows of the tile: those of the image
reach beyond the tile, and there can be as many of them as positions of the image's map.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.inference.engines.fused import fused
from atrous.inference.precision import in_precision
from atrous.inference.tiling.tiles import Tile, TileSpan
from atrous.inference.torch_settings import inference_context
from atrous.model.deeplab import DeepLab, Images
from atrous.model.resampling import ImageMean, Resize, WindowMeans
from atrous.ops.bilinear import (
    Neighbours,
    interpolate_columns,
    interpolate_rows,
    neighbours,
    pixel_coordinates,
    source_coordinates,
)
from atrous.ops.dtypes import interpolation_dtype
from atrous.sizes import Size, ceil_div


class _StopForward(Exception):  # noqa: N818
    """Ends a forward pass after the layer whose input is collected."""


class TileModel:
    """A copy of a model over the same weights, with hooks that make it compute on a tile as on a part of the image.

    Args:
        model: A model in eval mode.
        size: (height, width) of the whole image, including what the network pads.
        dtype: Number type of the computation.
    """

    def __init__(self, model: DeepLab, *, size: Size, dtype: torch.dtype) -> None:
        weight, copied = model.classifier.weight, model.replanned(output_stride=model.output_stride)
        self._device = weight.device
        if dtype != weight.dtype:
            self._model = in_precision(copied, dtype)
        else:
            self._model = fused(copied) if self._device.type == "cpu" else copied
        self._size = size
        self._tile: Tile | None = None
        for module in self._model.modules():
            # Where the model pads to output stride * k + 1, resizing is by integer factors, and corners of tile and
            # image coincide.
            if isinstance(module, Resize) and not model.preprocess.fits:
                module.register_forward_hook(self._resize_on_image_grid)

    @property
    def windowed(self) -> bool:
        """True if a layer averages over windows."""
        return any(isinstance(module, WindowMeans) for module in self._model.modules())

    @property
    def mean_layers(self) -> tuple[ImageMean, ...]:
        """The layers that average over the whole image, in the order of the forward pass (and of registration)."""
        return tuple(module for module in self._model.modules() if isinstance(module, ImageMean))

    def logits(self, images: Images, tile: Tile) -> Float[Tensor, "1 k hc wc"]:
        """Return the coarse logits of a tile."""
        self._tile = tile
        with inference_context(self._device):
            return self._model(images)

    @contextmanager
    def collecting_mean(self, layer: ImageMean) -> Generator[Callable[[Images, Tile], None]]:
        """Collect a layer's mean over the image; the layer returns it after the context.

        Yields:
            A function to be called with the pixels of every tile.
        """
        total, count = torch.zeros(()), 0

        def add_input(_layer: nn.Module, args: tuple[Tensor], _output: Tensor) -> None:
            nonlocal total, count
            part = args[0]
            for axis in (-2, -1):
                part = part.narrow(axis, *self._counted(axis, part.shape[axis]))
            # Not every device has float64; the sum of a single tile is accurate enough without it.
            tile_sum = part.sum(dim=(2, 3), keepdim=True, dtype=interpolation_dtype(part.dtype))
            total = total + tile_sum.double().cpu()
            count += part.shape[2] * part.shape[3]
            raise _StopForward

        def add_tile(images: Images, tile: Tile) -> None:
            with suppress(_StopForward):
                self.logits(images, tile)

        hook = layer.register_forward_hook(add_input)
        try:
            yield add_tile
        finally:
            hook.remove()
        image_mean = total / count

        def replace_output(_layer: nn.Module, _args: tuple[Tensor], output: Tensor) -> Tensor:
            return image_mean.to(output)

        layer.register_forward_hook(replace_output)

    def _counted(self, axis: int, positions: int) -> tuple[int, int]:
        """Return (start, length) of the positions of a tile's map that lie between the middles of its two fades.

        Over all tiles each position of the image is counted once.
        """
        span = self._span(axis)
        stride = self._map_stride(span.end - span.begin, positions)
        assert stride is not None, "the input of a mean over the image is a feature map"
        begin, end = (ceil_div(fade.middle, stride) - span.begin // stride for fade in (span.fade_in, span.fade_out))
        return begin, min(end, positions) - begin

    def _resize_on_image_grid(self, resize: nn.Module, args: tuple[Tensor, Size], output: Tensor) -> Tensor:
        """Replace a resized map by the part that resizing the map of the whole image would give."""
        assert isinstance(resize, Resize)
        maps, size = args
        rows, columns = (
            self._image_neighbours(axis, maps, target, align_corners=resize.align_corners)
            for axis, target in zip((-2, -1), size, strict=True)
        )
        if rows is None or columns is None:  # not a feature map, but one of means: pooled to one position, or windows
            return output
        return interpolate_columns(interpolate_rows(maps, rows), columns).to(maps.dtype)

    def _image_neighbours(self, axis: int, maps: Tensor, target: int, *, align_corners: bool) -> Neighbours | None:
        """Return the two positions of the tile's coarse map, and their weights, for each position of its fine map.

        They are those between which resizing the map of the whole image would interpolate.
        """
        span, source, length = self._span(axis), maps.shape[axis], self._size[axis]
        coarse, fine = (self._map_stride(span.end - span.begin, positions) for positions in (source, target))
        if coarse is None or fine is None:
            return None
        coarse_length = ceil_div(length, coarse)
        coordinates = source_coordinates(
            span.begin // fine + pixel_coordinates(target),
            length=ceil_div(length, fine),
            source=coarse_length,
            align_corners=align_corners,
        )
        inside = coordinates.clamp(0, coarse_length - 1) - span.begin // coarse
        return neighbours(inside, source=source, like=maps.new_empty(0, dtype=interpolation_dtype(maps.dtype)))

    def _span(self, axis: int) -> TileSpan:
        assert self._tile is not None
        return self._tile.rows if axis == -2 else self._tile.columns

    def _map_stride(self, length: int, positions: int) -> int | None:
        """Return the pixels per position of a tile's map, or None if no feature map has so many positions."""
        strides = (2**power for power in range(self._model.output_stride.bit_length()))
        return next((stride for stride in strides if ceil_div(length, stride) == positions), None)
