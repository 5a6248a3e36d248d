"""Atrous convolution, plain and separable, with batch norm and activation (DeepLabv3 3.1, DeepLabv3+ 3.1)."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.compiler import is_exporting

from atrous.model.compatibility import BetweenSeparable
from atrous.model.config import LayerSpec
from atrous.model.conventions import Padding
from atrous.model.norm import BatchNorm
from atrous.ops.cpu.depthwise import depthwise_conv2d
from atrous.sizes import ceil_div


def same_padding(length: int, *, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros (before, after) that TensorFlow's SAME adds to one axis, so that ceil(length / stride) positions come out.

    `kernel` is the effective kernel size, (k - 1) * rate + 1. An odd zero goes after. With stride 1, and with stride 2
    on odd lengths, both sides get the same number.
    """
    total = (ceil_div(length, stride) - 1) * stride + kernel - length
    if kernel < stride:  # else it is not negative, which need not be asked of a length without a value (an export)
        total = max(total, 0)
    return total // 2, total - total // 2


def pad_same(x: Float[Tensor, "b c h w"], *, kernel: int, stride: int, value: float = 0.0) -> Float[Tensor, "b c H W"]:
    """Pad a map as TensorFlow's SAME does for a window of this size and stride."""
    top, bottom = same_padding(x.shape[-2], kernel=kernel, stride=stride)
    left, right = same_padding(x.shape[-1], kernel=kernel, stride=stride)
    return F.pad(x, (left, right, top, bottom), value=value)


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` without bias, with optional SAME padding and a depthwise form that trains fast on a CPU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, groups: int, padding: Padding) -> None:
        super().__init__(in_channels, out_channels, kernel, groups=groups, bias=False)  # pyright: ignore[reportUnknownMemberType]
        self.same = padding == "same"

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:  # noqa: A002
        """Convolve."""
        stride, rate = self.stride[0], self.dilation[0]
        padded, margin = self.padded(input)
        if self.groups > 1:
            return depthwise_conv2d(padded, self.weight, stride=stride, padding=margin, rate=rate)
        return F.conv2d(padded, self.weight, None, stride, margin, rate)

    def padded(self, x: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c H W"], int]:
        """Return the map, padded where SAME is not symmetric, and the zeros to add on all sides while convolving."""
        stride, height, width = self.stride[0], x.shape[-2], x.shape[-1]
        # The parity of a size is unknown while a graph for all sizes is recorded.
        if self.same and stride > 1 and (is_exporting() or not (stride == 2 and height % 2 and width % 2)):
            kernel = (self.kernel_size[0] - 1) * self.dilation[0] + 1
            return pad_same(x, kernel=kernel, stride=stride), 0
        return x, int(self.padding[0])


class AtrousConv(nn.Module):
    """Convolution at an atrous rate -> batch norm -> activation.

    Stride and rate come from the stride plan and may be replanned on a built network; the parameters do not change.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        rate: int = 1,
        groups: int = 1,
        padding: Padding = "symmetric",
        epsilon: float = 1e-5,
        activation: nn.Module | None = None,
    ) -> None:
        """`activation` None is the identity (linear bottlenecks); `kernel` is odd; `groups` is 1 or `in_channels`."""
        super().__init__()
        self.conv = Conv2d(in_channels, out_channels, kernel, groups=groups, padding=padding)
        self.norm = BatchNorm(out_channels, eps=epsilon)
        self.activation = nn.Identity() if activation is None else activation
        self.plan(stride=stride, rate=rate)

    @property
    def out_channels(self) -> int:
        """Number of output channels."""
        return self.conv.out_channels

    @property
    def stride(self) -> int:
        """Input size / output size."""
        return self.conv.stride[0]

    @property
    def rate(self) -> int:
        """Distance between neighbouring filter taps, in positions of the input map."""
        return self.conv.dilation[0]

    def plan(self, *, stride: int, rate: int) -> None:
        """Set stride and rate, and the padding with which stride 1 keeps the size."""
        margin = (self.conv.kernel_size[0] - 1) * rate // 2
        self.conv.stride = (stride, stride)
        self.conv.dilation = (rate, rate)
        self.conv.padding = (margin, margin)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Convolve, normalise, activate."""
        return self.activation(self.norm(self.conv(x)))


class SeparableAtrousConv(nn.Module):
    """Depthwise 3x3 at an atrous rate, then pointwise 1x1, each with norm and activation (DeepLabv3+, Figure 3).

    Both use the same activation, which has no parameters; None is the identity (most of Xception). With `between`
    "nothing" the depthwise convolution has neither norm nor activation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 3,
        rate: int = 1,
        padding: Padding = "symmetric",
        epsilon: float = 1e-5,
        activation: nn.Module | None = None,
        between: BetweenSeparable = "norm and relu",
    ) -> None:
        super().__init__()
        self.depthwise = AtrousConv(
            in_channels,
            in_channels,
            kernel=kernel,
            rate=rate,
            groups=in_channels,
            padding=padding,
            epsilon=epsilon,
            activation=activation,
        )
        if between == "nothing":
            for part in ("norm", "activation"):
                self.depthwise.add_module(part, nn.Identity())
        self.pointwise = AtrousConv(in_channels, out_channels, epsilon=epsilon, activation=activation)

    @property
    def rate(self) -> int:
        """Atrous rate of the depthwise convolution."""
        return self.depthwise.rate

    def plan(self, *, stride: int, rate: int) -> None:
        """Set stride and rate of the depthwise convolution."""
        self.depthwise.plan(stride=stride, rate=rate)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Filter each channel, then mix the channels."""
        return self.pointwise(self.depthwise(x))


def conv_layer(
    in_channels: int,
    layer: LayerSpec,
    *,
    rate: int = 1,
    epsilon: float,
    between: BetweenSeparable = "norm and relu",
) -> AtrousConv | SeparableAtrousConv:
    """Layer of a head or decoder from its (kernel, channels, separable), with ReLU."""
    kernel, channels, separable = layer
    if separable:
        return SeparableAtrousConv(
            in_channels, channels, kernel=kernel, rate=rate, epsilon=epsilon, activation=nn.ReLU(), between=between
        )
    return AtrousConv(in_channels, channels, kernel=kernel, rate=rate, epsilon=epsilon, activation=nn.ReLU())


def conv_layers(
    in_channels: int, layers: Sequence[LayerSpec], *, epsilon: float, between: BetweenSeparable = "norm and relu"
) -> nn.Sequential:
    """Layers in sequence."""
    stack = nn.Sequential()
    for layer in layers:
        stack.append(conv_layer(in_channels, layer, epsilon=epsilon, between=between))
        in_channels = layer[1]
    return stack
