"""Atrous convolution for any network of convolutions (DeepLabv3, section 3.1).

One pass over an empty image tells at which stride each convolution and pooling reads its map, and at which it writes.
At an output stride s a layer that reads at r and writes at w then strides by min(w, s) / min(r, s), and its filter taps
are r / min(r, s) times as far apart: the rule of the papers, for units, shortcuts and stems alike.
"""

import copy
import math
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from atrous.errors import InputError, reason
from atrous.model.backbones.backbone import LOW_STRIDE, MIDDLE_STRIDE, Backbone, Features
from atrous.model.backbones.patch_conv import PatchConv, is_patch
from atrous.model.backbones.replaced_norms import replace_norms
from atrous.model.backbones.strided_pools import AtrousAveragePool, AtrousBlurPool, is_blur, pair
from atrous.model.stride_plan import PlannedUnit, check_output_stride
from atrous.sizes import size_text

TRACED_SIDE = 513
"""Side of the empty image in pixels, of the form 32 k + 1."""

DEEPEST_STRIDE = 32

SURE_SIDE = 64
"""Side of an image in pixels from which no map of a network that strides by 32 is smaller than 2 positions."""

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


class AtrousEncoder(Backbone):
    """A network of convolutions as a backbone whose output stride can be planned.

    `low` and `middle` are the maps that enter the first parts of the network that stride from 4 to 8 and from 8 to 16.
    Parts that average a whole map (squeeze-and-excite) average a denser one at a smaller output stride.

    Args:
        network: Takes a normalised image and returns a map at output stride 32, or a list that ends with it. Its
            parameters stay as they are; average and blur poolings that stride are replaced, and batch norms by ours.
        output_stride: 4, 8, 16 or 32.
        in_channels: Channels of the image.

    Raises:
        InputError: If the network has parts that cannot be made atrous: attention, position embeddings, upsampling, or
            layers that stride in another way than convolutions and maximum, average and blur poolings, or a batch norm
            of an unknown kind; the message names one.
    """

    def __init__(self, network: nn.Module, *, output_stride: int = 16, in_channels: int = 3) -> None:
        super().__init__()
        self.entry = ()
        self.network = network
        _refuse_by_name(network)
        self._traced, channels, self._low_module, self._middle_module = _traced(network, in_channels=in_channels)
        self.low_channels, self.middle_channels, self.high_channels = channels
        replace_norms(network)
        for traced in self._traced:
            layer = network.get_submodule(traced.name)
            parent, _, name = traced.name.rpartition(".")
            if isinstance(layer, nn.AvgPool2d):
                setattr(network.get_submodule(parent), name, AtrousAveragePool(layer))
            elif is_blur(layer):
                setattr(network.get_submodule(parent), name, AtrousBlurPool(layer))
            elif isinstance(layer, nn.Conv2d) and is_patch(layer) and traced.reads < traced.writes:
                setattr(network.get_submodule(parent), name, PatchConv(layer))
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every layer; the parameters do not change.

        Raises:
            InputError: If the output stride is none of 4, 8, 16 and 32.
        """
        check_output_stride(output_stride)
        for traced in self._traced:
            layer = cast(Any, self.network.get_submodule(traced.name))
            reads = min(traced.reads, output_stride)
            stride, rate = min(traced.writes, output_stride) // reads, traced.reads // reads
            layer.stride, layer.dilation = (stride, stride), (rate * traced.dilation,) * 2
            if type(layer) in (PatchConv, AtrousAveragePool):
                layer.keeps_size = stride == 1 < traced.writes // traced.reads
            if traced.padding is not None:
                layer.padding = tuple(rate * zeros for zeros in traced.padding)
        self.planned = (PlannedUnit("network", output_stride, 1, output_stride),)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `planned`: the whole network."""
        return (self.network,)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute the features of a normalised image.

        Raises:
            InputError: If the image is smaller than a patch or a blur of the network.
        """
        taken: dict[str, Tensor] = {}
        low, middle = (self.network.get_submodule(name) for name in (self._low_module, self._middle_module))
        with _record_input(low, taken, "low"), _record_input(middle, taken, "middle"):
            try:
                high = _last_map(self.network(image))
            except RuntimeError as error:
                if min(image.shape[-2:]) >= SURE_SIDE:
                    raise
                size = size_text((image.shape[-2], image.shape[-1]))
                raise InputError(
                    f"this backbone cannot take an image of {size} pixels ({reason(error):.120}); enlarge it to "
                    f"{SURE_SIDE} or more on each side"
                ) from error
        return Features(low=taken["low"], middle=taken["middle"], high=high)


def _refuse_by_name(network: nn.Module) -> None:
    for name, module in _modules(network):
        kind = type(module).__name__
        if any(word in kind.lower() for word in _REFUSED) or isinstance(module, nn.ConvTranspose2d):
            part = name or "the network"
            raise InputError(f"{part} is a {kind}, which cannot be made atrous; choose a network of convolutions")


def _traced(network: nn.Module, *, in_channels: int) -> tuple[tuple[TracedLayer, ...], tuple[int, int, int], str, str]:
    """Trace a network: its layers, the channels of the three features, the modules that take `low` and `middle`."""
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
        high = _last_map(outline(torch.empty(1, in_channels, TRACED_SIDE, TRACED_SIDE, device="meta")))
    if _stride_of(high) != DEEPEST_STRIDE:
        raise InputError(f"the network ends at output stride {_stride_of(high)}; an encoder needs {DEEPEST_STRIDE}")
    layers = tuple(
        TracedLayer(name, *calls[name], dilation=pair(module.dilation)[0], padding=_known_padding(module))
        if isinstance(module, nn.Conv2d | nn.MaxPool2d)
        else TracedLayer(name, *calls[name], dilation=1, padding=None)
        for name, module in _modules(network)
        if name in calls and _is_spatial(module)
    )
    low, middle = (_first_striding(network, calls, stride) for stride in (LOW_STRIDE, MIDDLE_STRIDE))
    return layers, (widths[low], widths[middle], high.shape[1]), low, middle


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


def _first_striding(network: nn.Module, calls: dict[str, tuple[int, int]], stride: int) -> str:
    """Name of the first, outermost module that halves a map at this stride."""
    for name, _ in _modules(network):
        if calls.get(name) == (stride, 2 * stride):
            return name
    raise InputError(f"no part of the network strides from {stride} to {2 * stride}; a decoder needs such features")


def _modules(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """List the modules of a network by their names, outer before inner."""
    return list(cast(Iterable[tuple[str, nn.Module]], network.named_modules()))


def _is_map(value: object) -> bool:
    """Return True for a map of the square image; maps with their channels last are not square."""
    return isinstance(value, Tensor) and value.ndim == 4 and value.shape[2] == value.shape[3]


def _stride_of(feature_map: Tensor) -> int:
    """Stride of a map of the empty image: the nearest power of two."""
    return 2 ** round(math.log2(TRACED_SIDE / feature_map.shape[-1]))


def _last_map(output: object) -> Tensor:
    if isinstance(output, list | tuple) and output:
        output = cast(list[object], output)[-1]
    if not (isinstance(output, Tensor) and output.ndim == 4):
        raise InputError("the network returns no map [b, c, h, w]; give it without its classifier")
    return output


def _known_padding(module: nn.Module) -> tuple[int, int] | None:
    padding = cast(Any, module).padding
    return None if isinstance(padding, str) else pair(padding)


@contextmanager
def _record_input(module: nn.Module, taken: dict[str, Tensor], name: str) -> Generator[None]:
    """Note the first input of a module under a name, in calls of this thread."""
    thread = threading.get_ident()

    def note(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread:
            taken[name] = inputs[0]

    handle = module.register_forward_pre_hook(note)
    try:
        yield
    finally:
        handle.remove()
