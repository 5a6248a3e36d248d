"""Parts, parameters and multiply-adds of a model at an image size, counted on the meta device without computing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from atrous.analysis.multiply_adds import count
from atrous.analysis.receptive_field import receptive_fields, spatial_filters
from atrous.analysis.valid_taps import mean_valid_share, valid_shares
from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.model.parts import Part
from atrous.sizes import Size, ceil_div

MAX_SIDE = 1 << 16


@dataclass(frozen=True)
class SizedUnit:
    """A part of the network in the order of the forward pass.

    Attributes:
        name: The papers' or the official code's name.
        stride: Stride of its spatial convolution or pooling.
        rate: Atrous rate of the same.
        output_stride: Input size / size of the map that it gives.
        size: (height, width) of that map.
        receptive_field: Side in pixels of the square of the image that one position of that map sees; None for image
            pooling, which sees all of it, and for the low-level projection, whose input is inside a unit.
    """

    name: str
    stride: int
    rate: int
    output_stride: int
    size: Size
    receptive_field: int | None


@dataclass(frozen=True)
class ValidTaps:
    """Share of an ASPP branch's 3x3 filter taps that see the map rather than its padding (DeepLabv3, Figure 4).

    Attributes:
        rate: Rate of the branch.
        mean: Mean share (0..1) of its nine taps that lie inside.
        shares: Share (0..1) of positions with 9, 6, 4, 3, 2 and 1 taps inside.
    """

    rate: int
    mean: float
    shares: Mapping[int, float]


@dataclass(frozen=True)
class ModelSummary:
    """Everything that `atrous info` prints.

    Attributes:
        parameters: Trainable numbers, scale and shift of batch norm among them.
        multiply_adds: Multiply-adds of the convolutions for one image, including those with zeros of the padding.
        padded_multiply_adds: The same as the papers count: TensorFlow pads the maps of atrous convolutions to multiples
            of the rate.
        fitted_size: (height, width) that the network works on, after padding to output stride * k + 1 if it does that.
        receptive_field: Side in pixels of the square of the image that one coarse logit sees, image pooling (and any
            other global mean) left out: see `atrous.analysis.receptive_field`.
        units: Stem and pooling, backbone, ASPP, decoder, classifier.
        valid_taps: One entry per ASPP rate.
    """

    parameters: int
    multiply_adds: int
    padded_multiply_adds: int
    fitted_size: Size
    receptive_field: int
    units: tuple[SizedUnit, ...]
    valid_taps: tuple[ValidTaps, ...]


def model_summary(config: ModelConfig, *, size: Size) -> ModelSummary:
    """Count a model for images of a size (height, width in pixels).

    Raises:
        InputError: If the size is none that an image can have.
    """
    height, width = size
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise InputError(f"size {height}x{width} is out of range; choose 1 to {MAX_SIDE} pixels for each side")
    with torch.device("meta"):
        model = build(config).eval()
    counts = count(model, [size])
    fitted = model.preprocess.padded_size(size, output_stride=config.output_stride)
    deepest = _reduced(fitted, config.output_stride)
    fields = receptive_fields(model)
    return ModelSummary(
        parameters=counts.parameters,
        multiply_adds=counts.plain,
        padded_multiply_adds=counts.padded,
        fitted_size=fitted,
        receptive_field=fields["classifier"],
        units=tuple(_sized(part, fitted, fields.get(part.name)) for part in model.parts()),
        valid_taps=tuple(
            ValidTaps(rate, mean_valid_share(deepest, rate=rate), valid_shares(deepest, rate=rate))
            for rate in _parallel_rates(model.parts())
        ),
    )


def _parallel_rates(parts: Sequence[Part]) -> Iterator[int]:
    """Yield the rates of ASPP's branches: of filters with several taps that see a map together with other parts."""
    readers = Counter(name for part in parts for name in part.inputs)
    for part in parts:
        if spatial_filters(part.module) and any(readers[name] > 1 for name in part.inputs):
            yield part.rate


def _sized(part: Part, fitted: Size, receptive_field: int | None) -> SizedUnit:
    size = _reduced(fitted, part.output_stride)
    return SizedUnit(part.name, part.stride, part.rate, part.output_stride, size, receptive_field)


def _reduced(size: Size, output_stride: int) -> Size:
    """Divide a size, rounding up, as both paddings do at every stride: the order of the strides does not matter."""
    height, width = (ceil_div(length, output_stride) for length in size)
    return height, width
