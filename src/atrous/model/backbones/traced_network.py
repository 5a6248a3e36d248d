"""At which stride each layer of any network of convolutions reads its map, and at which it writes: one pass tells."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from atrous.errors import InputError
from atrous.model.backbones.backbone import FIRST_STRIDE, LOW_STRIDE, MIDDLE_STRIDE
from atrous.model.backbones.strided_pools import is_blur, pair

TRACED_SIDE = 513
"""Side of the empty image in pixels, of the form 32 k + 1."""

DEEPEST_STRIDE = 32

_REFUSED = ("attention", "attn", "transformer", "posembed", "upsample")
"""Parts of the class names of modules that see all of a map at once, need its size, or enlarge it."""


@dataclass(frozen=True)
class TracedLayer:
    """A convolution or pooling with more than one tap or a stride, as it is in the classification network.

    Attributes:
        name: Name of the module.
        reads: Input size / size of the map that it takes.
        writes: Input size / size of the map that it gives.
        dilation: Distance of its taps.
        padding: Zeros on each side, (vertical, horizontal); None where the module finds out by itself, as SAME does.
    """

    name: str
    reads: int
    writes: int
    dilation: int
    padding: tuple[int, int] | None


@dataclass(frozen=True)
class TakenMap:
    """A map that a decoder takes.

    Attributes:
        module: Name of the module whose input it is.
        channels: Its channels.
    """

    module: str
    channels: int


@dataclass(frozen=True)
class TracedNetwork:
    """The layers and maps of a network, as one pass over an empty image shows them.

    Attributes:
        layers: Its convolutions and poolings.
        taken: Maps that decoders take, by output stride: 4, 8, and 2 where the network has such a map.
        channels: Channels of its last map.
    """

    layers: tuple[TracedLayer, ...]
    taken: Mapping[int, TakenMap]
    channels: int


def trace(network: nn.Module, *, in_channels: int) -> TracedNetwork:
    """Run a copy of a network on an empty image, without computing anything, and note what its layers read and write.

    Args:
        network: Takes an image and returns a map at output stride 32, or a list that ends with it.
        in_channels: Channels of the image.

    Raises:
        InputError: If a part cannot be made atrous, or the network has no maps at output strides 4, 8 and 32.
    """
    _refuse_by_name(network)
    calls: dict[str, tuple[int, int]] = {}
    widths: dict[str, int] = {}
    outline = copy.deepcopy(network).to("meta").float().eval()

    def noted(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if inputs and _is_map(inputs[0]) and _is_map(output):
                calls[name] = (_stride_of(inputs[0]), _stride_of(output))
                widths[name] = inputs[0].shape[1]
                _check_traced(name, module, *calls[name])

        return note

    with ExitStack() as stack, torch.no_grad():
        for name, module in _modules(outline):
            if name:
                handle: RemovableHandle = cast(Any, module).register_forward_hook(noted(name))
                stack.callback(handle.remove)
        high = last_map(outline(torch.empty(1, in_channels, TRACED_SIDE, TRACED_SIDE, device="meta")))
    if _stride_of(high) != DEEPEST_STRIDE:
        raise InputError(f"the network ends at output stride {_stride_of(high)}; an encoder needs {DEEPEST_STRIDE}")
    layers = tuple(
        TracedLayer(name, *calls[name], dilation=pair(module.dilation)[0], padding=_known_padding(module))
        if isinstance(module, nn.Conv2d | nn.MaxPool2d)
        else TracedLayer(name, *calls[name], dilation=1, padding=None)
        for name, module in _modules(network)
        if name in calls and _is_spatial(module)
    )
    names = {stride: _first_striding(network, calls, stride) for stride in (FIRST_STRIDE, LOW_STRIDE, MIDDLE_STRIDE)}
    for stride in (LOW_STRIDE, MIDDLE_STRIDE):
        if names[stride] is None:
            raise InputError(
                f"no part of the network strides from {stride} to {2 * stride}; a decoder needs such features"
            )
    taken = {stride: TakenMap(name, widths[name]) for stride, name in names.items() if name is not None}
    return TracedNetwork(layers, taken, high.shape[1])


def _refuse_by_name(network: nn.Module) -> None:
    for name, module in _modules(network):
        kind = type(module).__name__
        if any(word in kind.lower() for word in _REFUSED) or isinstance(module, nn.ConvTranspose2d):
            part = name or "the network"
            raise InputError(f"{part} is a {kind}, which cannot be made atrous; choose a network of convolutions")


def _check_traced(name: str, module: nn.Module, reads: int, writes: int) -> None:
    """Refuse a layer that changes the size of a map, but is none that can be planned."""
    if writes < reads:
        raise InputError(f"{name} enlarges its map from output stride {reads} to {writes}; that cannot be made atrous")
    leaf = next(module.children(), None) is None
    if leaf and reads < writes <= DEEPEST_STRIDE and not _is_spatial(module):
        raise InputError(f"{name} is a {type(module).__name__}, which strides but cannot be made atrous")
    if isinstance(module, nn.AvgPool2d) and module.count_include_pad and pair(module.padding) != (0, 0):
        raise InputError(f"{name} counts its padding, which cannot be made atrous")


def _is_spatial(module: nn.Module) -> bool:
    """Return True for layers whose stride and taps can be planned."""
    return isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) or is_blur(module)


def _first_striding(network: nn.Module, calls: dict[str, tuple[int, int]], stride: int) -> str | None:
    """Name of the first, outermost module that halves a map at this stride; None if there is none."""
    return next((name for name, _ in _modules(network) if calls.get(name) == (stride, 2 * stride)), None)


def _modules(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """List the modules of a network by their names, outer before inner."""
    return list(cast(Iterable[tuple[str, nn.Module]], network.named_modules()))


def _is_map(value: object) -> bool:
    """Return True for a map of the square image; maps with their channels last are not square."""
    return isinstance(value, Tensor) and value.ndim == 4 and value.shape[2] == value.shape[3]


def _stride_of(feature_map: Tensor) -> int:
    """Stride of a map of the empty image: the nearest power of two."""
    return 2 ** round(math.log2(TRACED_SIDE / feature_map.shape[-1]))


def last_map(output: object) -> Tensor:
    """The map that a network returned, or the last of several; raises InputError if it is none."""
    if isinstance(output, list | tuple) and output:
        output = cast(list[object], output)[-1]
    if not (isinstance(output, Tensor) and output.ndim == 4):
        raise InputError("the network returns no map [b, c, h, w]; give it without its classifier")
    return output


def _known_padding(module: nn.Module) -> tuple[int, int] | None:
    padding = cast(Any, module).padding
    return None if isinstance(padding, str) else pair(padding)
