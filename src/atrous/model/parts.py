"""Parts of a model by name, in forward order, so that analysis need not test the types of layers."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import nn

IMAGE = "image"
"""Name of the input of the first part."""


class Part(NamedTuple):
    """A part of a model.

    Attributes:
        name: Name in the papers or in the official code.
        stride: Stride of its spatial convolution or pooling.
        rate: Atrous rate of the same.
        output_stride: Input size / size of the map that the part gives.
        module: Module that computes it.
        inputs: Names of the parts whose outputs it takes. A coarser input is upsampled first. () where the part sees
            the mean of a whole map, or a map from inside another part.
    """

    name: str
    stride: int
    rate: int
    output_stride: int
    module: nn.Module
    inputs: tuple[str, ...] = ()


def chained(layers: Sequence[nn.Module], *, name: str, output_stride: int, inputs: tuple[str, ...]) -> Iterator[Part]:
    """Layers of stride 1 that follow each other, as parts `name0`, `name1` ..."""
    for number, layer in enumerate(layers):
        yield Part(f"{name}{number}", 1, 1, output_stride, layer, inputs)
        inputs = (f"{name}{number}",)


def last_names(parts: Sequence[Part]) -> tuple[str, ...]:
    """Names of the parts whose outputs no other part takes yet."""
    taken = {name for part in parts for name in part.inputs}
    return tuple(part.name for part in parts if part.name not in taken)
