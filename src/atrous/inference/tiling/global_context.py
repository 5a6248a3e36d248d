"""A network that sees a tile as a part of its picture: means over all of it, maps resized as parts of the whole ones.

Convolutions need nothing of the sort: what they miss beyond the borders of a tile is what the overlap is for.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.inference.engines.fused import fused
from atrous.inference.tiling.tiles import Span
from atrous.model.deeplab import DeepLab, Images
from atrous.model.image_mean import ImageMean
from atrous.model.resize import Resize
from atrous.ops.bilinear import Neighbours, between_columns, between_rows, neighbours, pixels, source_positions
from atrous.sizes import Size

STRIDES = tuple(2**power for power in range(9))

Tile = tuple[tuple[Span, Span], tuple[Span, Span]]
"""Along height and width: the tile, and the one after it (itself, if it is the last)."""


class _Enough(Exception):  # noqa: N818
    """Ends a pass at the layer that it is for."""


class GlobalContext:
    """A second module over a model's weights, run on tiles; the model itself is left alone.

    Args:
        model: In eval mode.
        size: (height, width) of the whole picture, with what the network pads.
    """

    def __init__(self, model: DeepLab, *, size: Size) -> None:
        twin = model.replanned(output_stride=model.output_stride)
        self._model = fused(twin) if model.classifier.weight.device.type == "cpu" else twin
        self._size = size
        self._tile: Tile | None = None
        for module in self._model.modules():
            if isinstance(module, Resize) and not model.preprocess.fits:  # what fits is resized by whole factors
                module.register_forward_hook(self._resized)

    @property
    def means(self) -> tuple[ImageMean, ...]:
        """The layers that look at all of the picture, in the order of the forward pass."""
        return tuple(module for module in self._model.modules() if isinstance(module, ImageMean))

    @torch.inference_mode()
    def logits(self, images: Images, tile: Tile) -> Float[Tensor, "1 k hc wc"]:
        """Coarse logits of a tile."""
        self._tile = tile
        return self._model(images)

    def collect(self, mean: ImageMean) -> Callable[[Images, Tile], None]:
        """A function to be called with every tile; after the last one call `finish`."""
        self._sum, self._count = torch.zeros(()), 0
        self._collecting = mean.register_forward_hook(self._add)

        def visit(images: Images, tile: Tile) -> None:
            try:
                self.logits(images, tile)
            except _Enough:
                return

        return visit

    def finish(self, mean: ImageMean) -> None:
        """From now on the layer gives the mean of what was collected."""
        self._collecting.remove()
        known = self._sum / self._count

        def instead(_module: nn.Module, _args: tuple[Tensor], output: Tensor) -> Tensor:
            return known.to(output)

        mean.register_forward_hook(instead)

    def _add(self, _mean: nn.Module, args: tuple[Tensor], _output: Tensor) -> None:
        part = args[0]
        for axis in (-2, -1):
            part = part.narrow(axis, *self._central(axis, part.shape[axis]))
        # Not every device has float64; the sum of a tile is safe without it.
        self._sum = self._sum + part.sum(dim=(2, 3), keepdim=True, dtype=_wide(part)).double().cpu()
        self._count += part.shape[2] * part.shape[3]
        raise _Enough

    def _central(self, axis: int, positions: int) -> tuple[int, int]:
        """(start, length) of the positions of a tile's map that are counted as its own."""
        span, after = self._span(axis)
        stride = _stride(span.end - span.begin, positions) or 1
        begin = -(-span.center // stride)
        end = span.begin // stride + positions if span == after else -(-after.center // stride)
        return begin - span.begin // stride, end - begin

    def _resized(self, resize: nn.Module, args: tuple[Tensor, Size], output: Tensor) -> Tensor:
        """The part of the map that resizing that of the whole picture would give."""
        assert isinstance(resize, Resize)
        maps, size = args
        rows, columns = (
            self._places(axis, maps, target, align_corners=resize.align_corners)
            for axis, target in zip((-2, -1), size, strict=True)
        )
        if rows is None or columns is None:  # one position, or windows of the picture's own
            return output
        return between_columns(between_rows(maps, rows), columns)

    def _places(self, axis: int, maps: Tensor, target: int, *, align_corners: bool) -> Neighbours | None:
        span, source, whole = self._span(axis)[0], maps.shape[axis], self._size[axis]
        coarse, fine = (_stride(span.end - span.begin, positions) for positions in (source, target))
        if coarse is None or fine is None:
            return None
        positions = source_positions(
            span.begin // fine + pixels(target),
            length=-(-whole // fine),
            source=-(-whole // coarse),
            align_corners=align_corners,
        )
        inside = positions.clamp(0, -(-whole // coarse) - 1) - span.begin // coarse
        return neighbours(inside, source=source, like=maps)

    def _span(self, axis: int) -> tuple[Span, Span]:
        assert self._tile is not None
        return self._tile[axis]


def _stride(length: int, positions: int) -> int | None:
    """Pixels of a tile / positions of its map, if that is what a network gives."""
    return next((stride for stride in STRIDES if -(-length // stride) == positions), None)


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)
