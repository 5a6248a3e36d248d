"""Strides and atrous rates as integers, before any layer exists (DeepLabv3, sections 3.1 and 3.2).

A classification network halves its feature map unit by unit. To keep the map at a wanted output stride, each unit that
would go below it gives up its stride, and all *later* units multiply their rate by the stride that was given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from atrous.errors import InputError
from atrous.sizes import Size, ceil_div

OUTPUT_STRIDES = (4, 8, 16, 32, 64, 128, 256)
"""Those beyond 32 exist only with one, two or three blocks added after block4 (section 3.2)."""

MAX_ADDED_BLOCKS = 3
"""block5, block6 and block7."""

MAX_HEAD_STRIDE = 32
"""ASPP and Lite R-ASPP exist up to this output stride."""

UnstridedRate = Literal["before", "after"]
"""Atrous rate of a unit whose stride is replaced by 1.

It is that of the units before it (the official code), or that of the units after it (torchvision's MobileNetV3).
"""


@dataclass(frozen=True)
class Unit:
    """A unit of the classification network: its stride there, and its rate within a Multi_Grid (section 3.2.1)."""

    name: str
    stride: int = 1
    unit_rate: int = 1


@dataclass(frozen=True)
class PlannedUnit:
    """A unit as it runs: `stride` and atrous `rate` of its spatial convolution, `output_stride` after it."""

    name: str
    stride: int
    rate: int
    output_stride: int


def check_output_stride(output_stride: int, *, added_blocks: int = 0) -> None:
    """Raise InputError unless a network with so many blocks after block4 can run at this output stride."""
    choices = [stride for stride in OUTPUT_STRIDES if stride <= 32 << added_blocks]
    if output_stride not in choices:
        listed = ", ".join(map(str, choices))
        raise InputError(f"output stride {output_stride} is impossible; choose one of {listed}")


def check_head_stride(output_stride: int) -> None:
    """Raise InputError unless a head (ASPP, Lite R-ASPP) exists at this output stride."""
    if output_stride > MAX_HEAD_STRIDE:
        raise InputError(
            f"output stride {output_stride} runs without ASPP only; choose up to {MAX_HEAD_STRIDE} with it"
        )


def plan_units(
    units: Sequence[Unit], *, entry_stride: int, output_stride: int, unstrided_rate: UnstridedRate = "before"
) -> tuple[PlannedUnit, ...]:
    """Plan stride and rate of every unit for an output stride.

    A unit that gives up its stride keeps the rate of the units before it; only later ones get the larger rate
    (the official code's bookkeeping, which torchvision's ResNet shares).

    Args:
        units: In the order of the forward pass.
        entry_stride: Input size / size of the map that enters the first unit.
        output_stride: Input size / size of the map that leaves the last unit.
        unstrided_rate: Rate of a unit that gives up its stride: of the units before it, or of those after it.

    Raises:
        InputError: If the output stride is none that the network can run at.
    """
    check_output_stride(output_stride, added_blocks=MAX_ADDED_BLOCKS)
    current, rate = entry_stride, 1
    planned: list[PlannedUnit] = []
    for unit in units:
        if current * unit.stride <= output_stride:
            current *= unit.stride
            planned.append(PlannedUnit(unit.name, unit.stride, rate * unit.unit_rate, current))
        else:
            kept = rate * unit.stride if unstrided_rate == "after" else rate
            planned.append(PlannedUnit(unit.name, 1, kept * unit.unit_rate, current))
            rate *= unit.stride
    if current != output_stride:
        raise InputError(
            f"output stride {output_stride} is out of reach; this network goes from {entry_stride} to {current}"
        )
    return tuple(planned)


def aspp_rates(rates_at_16: Sequence[int], *, output_stride: int) -> tuple[int, ...]:
    """Scale the rates of ASPP branches, given for output stride 16: doubled at 8, halved at 32 (section 3.3).

    Raises:
        InputError: If a rate would not be a positive integer.
    """
    for rate in rates_at_16:
        if rate * 16 < output_stride or rate * 16 % output_stride:
            raise InputError(
                f"ASPP rate {rate} (at output stride 16) has no whole counterpart at output stride {output_stride}; "
                f"choose multiples of {max(output_stride // 16, 1)}"
            )
    return tuple(rate * 16 // output_stride for rate in rates_at_16)


def padded_size(size: Size, *, output_stride: int) -> Size:
    """Round a size (height, width in pixels) up to the form output_stride * k + 1, k >= 0.

    On such sizes the corners of image and feature map coincide (513 -> 257 -> 129 -> 65 -> 33).
    """
    height, width = (ceil_div(length - 1, output_stride) * output_stride + 1 for length in size)
    return height, width
