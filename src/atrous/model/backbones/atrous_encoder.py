"""Atrous convolution for any network of convolutions (DeepLabv3, section 3.1).

One pass over an empty image tells at which stride each convolution and pooling reads its map, and at which it writes.
At an output stride s a layer that reads at r and writes at w then strides by min(w, s) / min(r, s), and its filter taps
are r / min(r, s) times as far apart: the rule of the papers, for units, shortcuts and stems alike.
"""

import threading
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from jaxtyping import Float
from torch import Tensor, nn

from atrous.errors import InputError, reason
from atrous.model.backbones.backbone import FIRST_STRIDE, LOW_STRIDE, MIDDLE_STRIDE, Backbone, Features
from atrous.model.backbones.patch_conv import PatchConv, is_patch
from atrous.model.backbones.replaced_norms import replace_norms
from atrous.model.backbones.strided_pools import AtrousAveragePool, AtrousBlurPool, is_blur
from atrous.model.backbones.traced_network import last_map, trace
from atrous.model.stride_plan import PlannedUnit, check_output_stride
from atrous.sizes import size_text

SURE_SIDE = 64
"""Side of an image in pixels from which no map of a network that strides by 32 is smaller than 2 positions."""


class AtrousEncoder(Backbone):
    """A network of convolutions as a backbone whose output stride can be planned.

    `low` and `middle` are the maps that enter the first parts of the network that stride from 4 to 8 and from 8 to 16,
    and the first map enters the first part that strides from 2 to 4; a network that begins with patches of 4 has none.
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
        self._traced = trace(network, in_channels=in_channels)
        channels = {stride: taken.channels for stride, taken in self._traced.taken.items()}
        self.first_channels = channels.get(FIRST_STRIDE)
        self.low_channels, self.middle_channels = channels[LOW_STRIDE], channels[MIDDLE_STRIDE]
        self.high_channels = self._traced.channels
        replace_norms(network)
        for traced in self._traced.layers:
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
        for traced in self._traced.layers:
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
        return self._run(image, (LOW_STRIDE, MIDDLE_STRIDE))[0]

    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute the features, and the first map.

        Raises:
            InputError: As `forward`.
        """
        features, taken = self._run(image, (FIRST_STRIDE, LOW_STRIDE, MIDDLE_STRIDE))
        return features, taken[FIRST_STRIDE]

    def _run(self, image: Float[Tensor, "b c h w"], strides: Iterable[int]) -> tuple[Features, dict[int, Tensor]]:
        """Compute the features, and keep the maps at these output strides."""
        taken: dict[int, Tensor] = {}
        with ExitStack() as stack:
            for stride in strides:
                module = self.network.get_submodule(self._traced.taken[stride].module)
                stack.enter_context(_record_input(module, taken, stride))
            try:
                high = last_map(self.network(image))
            except RuntimeError as error:
                if min(image.shape[-2:]) >= SURE_SIDE:
                    raise
                size = size_text((image.shape[-2], image.shape[-1]))
                raise InputError(
                    f"this backbone cannot take an image of {size} pixels ({reason(error):.120}); enlarge it to "
                    f"{SURE_SIDE} or more on each side"
                ) from error
        return Features(low=taken[LOW_STRIDE], middle=taken[MIDDLE_STRIDE], high=high), taken


@contextmanager
def _record_input(module: nn.Module, taken: dict[int, Tensor], stride: int) -> Generator[None]:
    """Note the first input of a module under its output stride, in calls of this thread."""
    thread = threading.get_ident()

    def note(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread:
            taken[stride] = inputs[0]

    handle = module.register_forward_pre_hook(note)
    try:
        yield
    finally:
        handle.remove()
