"""Multiply-adds and parameters of a network, as the papers count them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from atrous.model.deeplab import DeepLab
from atrous.sizes import Size, ceil_div


@dataclass(frozen=True)
class Counts:
    """Cost of an image, or of one at several sizes.

    Attributes:
        plain: Multiply-adds of the convolutions, including those with zeros of the padding.
        padded: The same as the papers count: TensorFlow splits a map into rate x rate maps of every rate-th row and
            column, which all need the same size, so that it pads the maps of atrous convolutions to multiples of the
            rate.
        parameters: Trainable numbers, scale and shift of batch norm among them.
    """

    plain: int
    padded: int
    parameters: int


def count(model: DeepLab, sizes: Sequence[Size]) -> Counts:
    """Count a network for one image at all of some sizes.

    Args:
        model: In eval mode, on the meta device, where nothing is computed.
        sizes: (height, width) in pixels.
    """
    plain, padded = list[int](), list[int]()
    with torch.device("meta"), torch.no_grad(), _counted_convolutions(model, plain, padded):
        for height, width in sizes:
            model(torch.empty(1, model.config.in_channels, height, width))
    return Counts(sum(plain), sum(padded), sum(parameter.numel() for parameter in model.parameters()))


@contextmanager
def _counted_convolutions(model: nn.Module, plain: list[int], padded: list[int]) -> Iterator[None]:
    """Append the multiply-adds of every convolution that runs while the block lasts."""

    def count_one(conv: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        (height, width), taps = output.shape[-2:], conv.weight.numel()
        rate = conv.dilation[0] if conv.stride[0] == 1 else 1
        plain.append(height * width * taps)
        padded.append(ceil_div(height, rate) * ceil_div(width, rate) * rate * rate * taps)

    hooks = [module.register_forward_hook(count_one) for module in model.modules() if isinstance(module, nn.Conv2d)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
