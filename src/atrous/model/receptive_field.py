"""How far each part of a network can see: pixels of the image, from kernels, strides and rates as integers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from torch import nn

from atrous.model.aspp import ASPP, ImagePooling
from atrous.model.backbones.features import LOW_STRIDE, Backbone
from atrous.model.deeplab import DeepLab, DeepLabV3, DeepLabV3Cascade, DeepLabV3Plus


@dataclass(frozen=True)
class Window:
    """A convolution or pooling along one axis: `kernel` taps, `rate` positions apart, every `stride` positions."""

    kernel: int
    stride: int
    rate: int

    def seen(self, positions: int) -> int:
        """How many neighbouring positions of its input so many neighbours of its output are computed from."""
        return (positions - 1) * self.stride + (self.kernel - 1) * self.rate + 1


@dataclass(frozen=True)
class Interpolation:
    """Bilinear upsampling by a whole factor along one axis."""

    factor: int

    def seen(self, positions: int) -> int:
        """The same, where they lie least luckily between the positions of the coarse map."""
        return positions if self.factor == 1 else -(-(positions - 1) // self.factor) + 2


Steps = tuple[Window | Interpolation, ...]


def extent(steps: Steps) -> int:
    """How many positions of the first input, from the first to the last, one position of the last output sees."""
    positions = 1
    for step in reversed(steps):
        positions = step.seen(positions)
    return positions


def receptive_fields(model: DeepLab) -> Mapping[str, int]:
    """Side in pixels of the square that one position of a part's map can see, by the names of the stride plan.

    "classifier" has that of a coarse logit; one upsampled to the image sees up to one stride of the logits more. Where
    the network neither fits its input nor gets a multiple of its output stride, the decoder's can be one output stride
    larger. Near the border of the image the square is cut off.

    What sees all of the image is left out: image pooling, and any other global mean inside a unit. So is the decoder's
    low-level projection, which sees what some layer inside an early unit does.

    Raises:
        NotImplementedError: If nothing is known here of this kind of model.
    """
    if not isinstance(model, DeepLabV3 | DeepLabV3Cascade | DeepLabV3Plus):
        raise NotImplementedError(f"the receptive field of {type(model).__name__}")
    backbone = model.backbone
    fields: dict[str, int] = {}
    steps: Steps = ()
    for planned, part in zip((*backbone.entry, *backbone.planned), _parts(backbone), strict=True):
        steps += windows(part)
        fields[planned.name] = extent(steps)
        assert prod(step.stride for step in steps if isinstance(step, Window)) == planned.output_stride
    if isinstance(model, DeepLabV3 | DeepLabV3Plus):
        branches = {name: steps + windows(branch) for name, branch in _local_branches(model.aspp)}
        fields |= {name: extent(branch) for name, branch in branches.items()}
        steps = max(branches.values(), key=extent)
        steps = _extend(fields, steps, model.aspp.projection, name="projection")
    if isinstance(model, DeepLabV3Plus):
        steps += (Interpolation(model.output_stride // LOW_STRIDE),)
        steps = _extend(fields, steps, model.decoder.refine, name="refine")
    return fields | {"classifier": extent(steps + windows(model.classifier))}


def windows(part: nn.Module) -> Steps:
    """The convolutions and poolings of more than one tap, which follow each other; shortcuts have a single tap."""
    return tuple(_windows(part))


def _windows(part: nn.Module) -> Iterator[Window]:
    for module in part.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 1:
            yield Window(module.kernel_size[0], module.stride[0], module.dilation[0])
        elif isinstance(module, nn.MaxPool2d):
            assert isinstance(module.kernel_size, int)
            assert isinstance(module.stride, int)
            yield Window(module.kernel_size, module.stride, rate=1)


def _parts(backbone: Backbone) -> Iterator[nn.Module]:
    assert isinstance(backbone, nn.Module)
    for child in backbone.children():
        yield from child if isinstance(child, nn.ModuleList) else (child,)


def _local_branches(aspp: ASPP) -> Iterator[tuple[str, nn.Module]]:
    return ((name, branch) for name, branch in aspp.branches.items() if not isinstance(branch, ImagePooling))


def _extend(fields: dict[str, int], steps: Steps, layers: Iterable[nn.Module], *, name: str) -> Steps:
    """The steps with those of the layers; the field after each layer is noted."""
    for number, layer in enumerate(layers):
        steps += windows(layer)
        fields[f"{name}{number}"] = extent(steps)
    return steps
