"""Multiply-adds and parameters of a row, at the size and number of classes of the paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.papers.table import Inference
from atrous.sizes import Size, ceil_div


@dataclass(frozen=True)
class Counts:
    """Cost of one image.

    Attributes:
        plain: Multiply-adds of the convolutions over all scales and flips.
        padded: The same as the papers count: TensorFlow pads the maps of atrous convolutions to multiples of the rate.
        parameters: Trainable numbers.
    """

    plain: int
    padded: int
    parameters: int


def row_counts(model: ModelConfig, inference: Inference, *, size: Size, classes: int) -> Counts:
    """Count a network under an inference strategy for images of a size (height, width in pixels).

    An image of OS*k + 1 pixels is scaled to int((n - 1) s + 1), as in the official code. Nothing is computed: the
    network runs on the meta device.
    """
    config = replace(model, classes=classes, output_stride=inference.output_stride)
    one_view = _counts(config, size, inference.scales)
    views = 2 if inference.flip else 1
    return replace(one_view, plain=views * one_view.plain, padded=views * one_view.padded)


@cache
def _counts(config: ModelConfig, size: Size, scales: tuple[float, ...]) -> Counts:
    plain, padded = list[int](), list[int]()
    with torch.device("meta"), torch.no_grad():
        model = build(config).eval()
        with _counted_convolutions(model, plain, padded):
            for scale in scales:
                height, width = (int((length - 1) * scale + 1) for length in size)
                model(torch.empty(1, config.in_channels, height, width))
    return Counts(sum(plain), sum(padded), sum(parameter.numel() for parameter in model.parameters()))


@contextmanager
def _counted_convolutions(model: nn.Module, plain: list[int], padded: list[int]) -> Iterator[None]:
    """Append the multiply-adds of every convolution that runs while the block lasts."""

    def count(conv: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        (height, width), taps = output.shape[-2:], conv.weight.numel()
        rate = conv.dilation[0] if conv.stride[0] == 1 else 1
        plain.append(height * width * taps)
        padded.append(ceil_div(height, rate) * ceil_div(width, rate) * rate * rate * taps)

    hooks = [module.register_forward_hook(count) for module in model.modules() if isinstance(module, nn.Conv2d)]
    yield
    for hook in hooks:
        hook.remove()
