"""How far each part of a network can see: pixels of the image, from kernels, strides and rates as integers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from torch import nn

from atrous.model.aspp import ASPP, ImagePooling
from atrous.model.backbones.features import LOW_STRIDE, MIDDLE_STRIDE, Backbone
from atrous.model.decoder import Decoder
from atrous.model.deeplab import (
    DeepLab,
    DeepLabLRASPP,
    DeepLabV3,
    DeepLabV3Cascade,
    DeepLabV3Plus,
    DeepLabV3PlusTwoSkips,
)


@dataclass(frozen=True)
class Filter:
    """A convolution or pooling along one axis: `kernel` (odd) taps `rate` positions apart, every `stride` positions."""

    kernel: int
    stride: int
    rate: int

    def seen(self, first: int, last: int) -> tuple[int, int]:
        """First and last position of its input that positions `first` to `last` of its output are computed from."""
        margin = self.kernel // 2 * self.rate
        return first * self.stride - margin, last * self.stride + margin


@dataclass(frozen=True)
class Interpolation:
    """Bilinear upsampling by a whole factor along one axis."""

    factor: int
    align_corners: bool

    def seen(self, first: int, last: int) -> tuple[int, int]:
        """The same: position i lies at i / factor of the coarse map, or at (i + 1/2) / factor - 1/2."""
        shift = 0 if self.align_corners else 1 - self.factor
        whole = 2 * self.factor
        return (2 * first + shift) // whole, -(-(2 * last + shift) // whole)


Steps = tuple[Filter | Interpolation, ...]


def extent(steps: Steps) -> int:
    """How many positions of the first input, from the first to the last, one of the last output sees at most.

    It is not the same for all: some lie on a position of the coarse map, some between two.
    """
    phases = prod(step.factor for step in steps if isinstance(step, Interpolation))
    spans = []
    for position in range(phases):
        first = last = position
        for step in reversed(steps):
            first, last = step.seen(first, last)
        spans.append(last - first + 1)
    return max(spans)


def receptive_fields(model: DeepLab) -> Mapping[str, int]:
    """Side in pixels of the square that one position of a part's map can see, by the names of the stride plan.

    "classifier" has that of a coarse logit; one upsampled to the image sees up to one stride of the logits more. Where
    the network neither fits its input nor gets a multiple of its output stride, the decoder's can be one output stride
    larger. Near the border of the image the square is cut off.

    What sees all of the image, or windows of it, is left out: image pooling, the gates of Lite R-ASPP and of units that
    squeeze. So is what sees a layer inside an early unit: the decoder's low-level projection, the middle logits.

    Raises:
        NotImplementedError: If nothing is known here of this kind of model.
    """
    if not isinstance(model, DeepLabV3 | DeepLabV3Cascade | DeepLabV3Plus | DeepLabV3PlusTwoSkips | DeepLabLRASPP):
        raise NotImplementedError(f"the receptive field of {type(model).__name__}")
    fields: dict[str, int] = {}
    steps: Steps = ()
    for planned, part in zip((*model.backbone.entry, *model.backbone.planned), _parts(model.backbone), strict=True):
        steps += windows(part)
        fields[planned.name] = extent(steps)
        assert prod(step.stride for step in steps if isinstance(step, Filter)) == planned.output_stride
    if isinstance(model, DeepLabLRASPP):
        fields["features"] = extent(steps)
        factor = max(model.output_stride // MIDDLE_STRIDE, 1)
        steps += (Interpolation(factor, align_corners=model.aspp.resize.align_corners),)
    elif not isinstance(model, DeepLabV3Cascade):
        branches = {name: steps + windows(branch) for name, branch in _local_branches(model.aspp)}
        fields |= {name: extent(branch) for name, branch in branches.items()}
        steps = max(branches.values(), key=extent)
        steps = _extend(fields, steps, model.aspp.projection, name="projection")
    stride = model.output_stride
    for name, finer, decoder in _decoders(model):
        steps += (Interpolation(stride // finer, align_corners=decoder.resize.align_corners),)
        steps = _extend(fields, steps, decoder.refine, name=name)
        stride = finer
    return fields | {"classifier": extent(steps + windows(model.classifier))}


def windows(part: nn.Module) -> Steps:
    """The convolutions and poolings of more than one tap, which follow each other; shortcuts have a single tap."""
    return tuple(_windows(part))


def _windows(part: nn.Module) -> Iterator[Filter]:
    for module in part.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 1:
            yield Filter(module.kernel_size[0], module.stride[0], module.dilation[0])
        elif isinstance(module, nn.MaxPool2d):
            assert isinstance(module.kernel_size, int)
            assert isinstance(module.stride, int)
            yield Filter(module.kernel_size, module.stride, rate=1)


def _parts(backbone: Backbone) -> Iterator[nn.Module]:
    assert isinstance(backbone, nn.Module)
    for child in backbone.children():
        yield from child if isinstance(child, nn.ModuleList) else (child,)


def _local_branches(aspp: ASPP) -> Iterator[tuple[str, nn.Module]]:
    return ((name, branch) for name, branch in aspp.branches.items() if not isinstance(branch, ImagePooling))


def _decoders(model: DeepLab) -> Iterator[tuple[str, int, Decoder]]:
    """Name of the layers, output stride, decoder; in the order of the forward pass."""
    if isinstance(model, DeepLabV3PlusTwoSkips):
        yield "middle_refine", min(MIDDLE_STRIDE, model.output_stride), model.middle_decoder
    if isinstance(model, DeepLabV3Plus | DeepLabV3PlusTwoSkips):
        yield "refine", LOW_STRIDE, model.decoder


def _extend(fields: dict[str, int], steps: Steps, layers: Iterable[nn.Module], *, name: str) -> Steps:
    """The steps with those of the layers; the field after each layer is noted."""
    for number, layer in enumerate(layers):
        steps += windows(layer)
        fields[f"{name}{number}"] = extent(steps)
    return steps
