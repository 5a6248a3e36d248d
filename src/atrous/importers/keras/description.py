"""What the description of a whole model in Keras says about strides, rates and resizing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from atrous.errors import InputError
from atrous.importers.keras.layer_names import variable_of
from atrous.importers.tensorflow.slim_names import layers
from atrous.model.build import build
from atrous.model.config import ModelConfig

Layers = Mapping[str, Any]
"""Description of each layer by name, in the order of the network; empty where a file holds weights alone."""

_STRIDING = "entry_flow_block3_separable_conv3_depthwise"
"""The layer of Xception that strides by 2 at output stride 16, and by 1 at 8."""

_BRANCHES = ("aspp1_depthwise", "aspp2_depthwise", "aspp3_depthwise")
_LOGITS = ("logits_semantic", "custom_logits_semantic")


@dataclass(frozen=True)
class DescribedSettings:
    """Settings that the description of a whole model states; None where it leaves one out.

    Attributes:
        output_stride: Of MobileNetV2 always 8, as the port builds it.
        rates: Rates of the ASPP branches at output stride 16.
        by_edges: True if logits are enlarged by Keras' own bilinear layer, which aligns the edges of corner pixels.
    """

    output_stride: int | None
    rates: tuple[int, ...] | None
    by_edges: bool


def described_settings(described: Layers, *, mobile: bool) -> DescribedSettings:
    """Read output stride, rates and resizing of a network, which is MobileNetV2 where `mobile`, else Xception."""
    stride = 8 if mobile else {1: 8, 2: 16}.get(_number(described, _STRIDING, "strides") or 0)
    rates = [_number(described, branch, "dilation_rate") for branch in _BRANCHES]
    known = tuple(rate * (stride or 16) // 16 for rate in rates if rate)
    return DescribedSettings(stride, known if len(known) == len(rates) else None, by_edges=_resizes_by_edges(described))


def _resizes_by_edges(described: Layers) -> bool:
    names = [*described]
    behind = min((names.index(name) for name in _LOGITS if name in described), default=len(names))
    return any(
        described[name].get("class_name") == "Resizing" and described[name]["config"].get("interpolation") == "bilinear"
        for name in names[behind:]
    )


def check_described(described: Layers, config: ModelConfig) -> None:
    """Compare strides and rates of all depthwise convolutions with those that are built here.

    Raises:
        InputError: If one differs; the message shows both.
    """
    for name, stride, rate in _built(described, config):
        for key, ours in (("strides", stride), ("dilation_rate", rate)):
            theirs = _number(described, name, key)
            if theirs is not None and theirs != ours:
                raise InputError(f"the layer {name} has {key} {theirs} there and {ours} here: another network")


def _built(described: Layers, config: ModelConfig) -> Iterator[tuple[str, int, int]]:
    """Described depthwise layers with the stride and the rate that they have here."""
    scopes = {variable_of(name, "depthwise_kernel"): name for name in described if name.endswith("_depthwise")}
    if not scopes:
        return
    with torch.device("meta"):
        model = build(config)
    for layer in layers(config):
        name = scopes.get(f"{layer.scope}/depthwise_weights")
        if name is not None:
            convolution: Any = model.get_submodule(layer.ours)
            yield name, convolution.stride, convolution.rate


def _number(described: Layers, name: str, key: str) -> int | None:
    """A setting of two equal numbers, such as strides; None where it is missing or something else."""
    pair = described[name]["config"].get(key) if name in described else None
    return (
        pair[0] if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and pair[0] == pair[1] else None
    )
