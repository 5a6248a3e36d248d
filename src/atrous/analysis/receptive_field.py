"""Receptive field of each part of a network in pixels, from kernels, strides and rates as integers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from torch import nn

from atrous.model.backbones.strided_pools import AtrousAveragePool, AtrousBlurPool
from atrous.model.deeplab import DeepLab
from atrous.model.parts import IMAGE
from atrous.sizes import ceil_div


@dataclass(frozen=True)
class Filter:
    """A convolution or pooling along one axis: `kernel` taps `rate` positions apart, every `stride` positions."""

    kernel: int
    stride: int
    rate: int

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """Return first and last position of the input from which output positions `first` to `last` are computed."""
        before, after = (self.kernel - 1) // 2 * self.rate, self.kernel // 2 * self.rate
        return first * self.stride - before, last * self.stride + after


@dataclass(frozen=True)
class Interpolation:
    """Bilinear upsampling by a whole factor along one axis."""

    factor: int
    align_corners: bool

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """Return the same: position i is at i / factor of the coarse map, or at (i + 1/2) / factor - 1/2."""
        shift = 0 if self.align_corners else 1 - self.factor
        whole = 2 * self.factor
        return (2 * first + shift) // whole, ceil_div(2 * last + shift, whole)


Steps = tuple[Filter | Interpolation, ...]


def extent(steps: Steps) -> int:
    """Count the positions of the first input, from first to last, that one of the last output sees at most.

    The number differs between outputs: some lie on a position of the coarse map, some between two.
    """
    phases = prod(step.factor for step in steps if isinstance(step, Interpolation))
    spans = []
    for position in range(phases):
        first = last = position
        for step in reversed(steps):
            first, last = step.input_range(first, last)
        spans.append(last - first + 1)
    return max(spans)


def receptive_fields(model: DeepLab) -> Mapping[str, int]:
    """Compute, for each part, the side in pixels of the square that one position of its map can see.

    "classifier" has the field of a coarse logit; one upsampled to the image sees up to one stride of the logits more.
    Where the network neither pads its input to a fitting size nor gets a multiple of its output stride, the decoder's
    can be one output stride larger. Near the border of the image the square is cut off.

    Parts that see all of the image, or windows of it, have no field and add nothing to others: image pooling, the gates
    of Lite R-ASPP and of squeeze-and-excite. So have layers over a map from inside an early unit: the decoder's
    low-level projection, the middle logits.
    """
    steps: dict[str, Steps] = {IMAGE: ()}
    strides = {IMAGE: 1}
    for part in model.parts():
        seen = [
            _upsampled(steps[name], strides[name] // part.output_stride, align_corners=model.align_corners)
            for name in part.inputs
            if name in steps
        ]
        if seen:
            steps[part.name] = max(seen, key=extent) + spatial_filters(part.module)
            strides[part.name] = part.output_stride
    return {name: extent(path) for name, path in steps.items() if name != IMAGE}


def _upsampled(steps: Steps, factor: int, *, align_corners: bool) -> Steps:
    return (*steps, Interpolation(factor, align_corners=align_corners)) if factor > 1 else steps


def spatial_filters(part: nn.Module) -> Steps:
    """List the convolutions and poolings that follow each other and have more than one tap or stride.

    A shortcut, which runs beside them, has a single tap and the same stride.
    """
    return tuple(_spatial_filters(part))


def _spatial_filters(part: nn.Module) -> Iterator[Filter]:
    for name, module in part.named_modules():
        if not _is_beside(part, name) and isinstance(
            module, nn.Conv2d | nn.MaxPool2d | AtrousAveragePool | AtrousBlurPool
        ):
            kernel, stride, rate = (_first(value) for value in (module.kernel_size, module.stride, module.dilation))
            if max(kernel, stride) > 1:
                yield Filter(kernel, stride, rate)


def _is_beside(part: nn.Module, name: str) -> bool:
    """Return True for layers of a shortcut: `shortcut` here, `downsample` in units of timm that begin with `conv1`."""
    words = name.split(".")
    if "downsample" in words:
        unit = part.get_submodule(".".join(words[: words.index("downsample")]))
        return hasattr(unit, "conv1")
    return "shortcut" in words


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]
