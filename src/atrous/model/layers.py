"""Layers of heads and decoders from their (kernel, channels, separable)."""

from collections.abc import Sequence

from torch import nn

from atrous.model.atrous import AtrousConv, SeparableAtrousConv
from atrous.model.compatibility import BetweenSeparable
from atrous.model.config import LayerSpec


def conv_layer(
    in_channels: int,
    layer: LayerSpec,
    *,
    rate: int = 1,
    epsilon: float,
    between: BetweenSeparable = "norm and relu",
) -> AtrousConv | SeparableAtrousConv:
    """One layer of a head or decoder from its (kernel, channels, separable), with ReLU."""
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
