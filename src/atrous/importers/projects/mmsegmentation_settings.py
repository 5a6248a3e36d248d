"""Settings that MMSegmentation writes into its checkpoints (`meta.cfg`) and no tensor states."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from atrous.errors import InputError
from atrous.importers.projects.key_map import read_settings
from atrous.importers.projects.python_config import read_python_config
from atrous.model.compatibility import StridedLayer
from atrous.model.config import BASIC_DEPTHS, ASPPConfig, ModelConfig, ResNetConfig

SILENT = ("output_stride", "rates", "multi_grid", "align_corners", "stride_in_1x1", "scaling")
"""Settings that are assumed where a checkpoint carries no configuration."""

_STRIDES: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {
    ((1, 2, 1, 1), (1, 1, 2, 4)): 8,
    ((1, 2, 2, 1), (1, 1, 1, 2)): 16,
    ((1, 2, 2, 2), (1, 1, 1, 1)): 32,
}
"""Strides and dilations of the four stages to output stride."""


_PLAIN = {
    "type": ("ResNet", "ResNetV1c", "ASPPHead", "DepthwiseSeparableASPPHead"),
    "conv_cfg": ("Conv", "Conv2d"),
    "act_cfg": ("ReLU",),
}
"""Parts of the network, and kinds of convolution and activation, that are built here."""


@dataclass(frozen=True)
class _Norm:
    eps: float = 1e-5


@dataclass(frozen=True)
class _Backbone:
    strides: tuple[int, ...] = (1, 2, 2, 2)
    dilations: tuple[int, ...] = (1, 1, 1, 1)
    multi_grid: tuple[int, ...] | None = None
    contract_dilation: bool = False
    style: str = "pytorch"
    avg_down: bool = False


@dataclass(frozen=True)
class _Head:
    dilations: tuple[int, ...] = (1, 6, 12, 18)
    align_corners: bool = False


@dataclass(frozen=True)
class _Preprocessor:
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    bgr_to_rgb: bool = False
    rgb_to_bgr: bool = False

    @property
    def reverses(self) -> bool:
        """True if red comes first: images are read with blue first, and either setting reverses the channels."""
        return self.bgr_to_rgb or self.rgb_to_bgr


@dataclass(frozen=True)
class Stated:
    """Settings of a checkpoint.

    Attributes:
        config: The network with them.
        assumed: Names of settings that the checkpoint does not state.
        reversed_channels: True if its network takes blue, green and red in this order.
    """

    config: ModelConfig
    assumed: tuple[str, ...] = ()
    reversed_channels: bool = False


def with_stated(config: ModelConfig, text: str) -> Stated:
    """The network with the settings of a checkpoint's configuration.

    Args:
        config: The network as the tensors tell it.
        text: Configuration, or "" if the checkpoint carries none.

    Raises:
        InputError: If a setting has no counterpart here, or is no setting that MMSegmentation knows.
    """
    if not text:
        return Stated(config, SILENT)
    settings = read_python_config(text)
    model = settings.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("decode_head"), dict):
        return Stated(config, SILENT)
    stated, decode_head = model.get("backbone") or {}, model["decode_head"]
    if not isinstance(stated, dict):
        raise InputError("meta.cfg: backbone is no dict; get the checkpoint again from its source")
    backbone = read_settings(_Backbone, stated, where="meta.cfg: backbone")
    head = read_settings(_Head, decode_head, where="meta.cfg: decode_head")
    config = _with_backbone(config, backbone)
    assert isinstance(config.head, ASPPConfig)
    rates = _rates(head.dilations, output_stride=config.output_stride)
    conventions = replace(config.conventions, align_corners=head.align_corners)
    conventions = replace(
        conventions,
        backbone_epsilon=_epsilon(stated, where="backbone"),
        head_epsilon=_epsilon(decode_head, where="decode_head"),
    )
    config = replace(config, head=replace(config.head, rates=rates), conventions=conventions)
    return _with_scaling(config, settings, model)


def _epsilon(part: dict[str, Any], *, where: str) -> float:
    """Epsilon of the batch norms of the backbone or the head.

    Raises:
        InputError: If its convolutions or activations are not those that are built here.
    """
    for name, kinds in _PLAIN.items():
        stated = part.get(name)
        kind = stated.get("type") if isinstance(stated, dict) else stated
        if isinstance(kind, str) and kind.rpartition(".")[2] not in kinds:
            raise InputError(f"meta.cfg: {where}: {name} is {kind:.40}, which is not built here")
    norm = part.get("norm_cfg")
    return read_settings(_Norm, norm if isinstance(norm, dict) else {}, where=f"meta.cfg: {where}: norm_cfg").eps


def _with_backbone(config: ModelConfig, backbone: _Backbone) -> ModelConfig:
    if backbone.style not in ("pytorch", "caffe") or backbone.avg_down:
        raise InputError("its units are of an unknown style or pool in their shortcuts; not built here")
    output_stride = _STRIDES.get((backbone.strides, backbone.dilations))
    if output_stride is None:
        raise InputError(f"strides {backbone.strides} with dilations {backbone.dilations} are not built here")
    rate: Literal["before", "after"] = "before" if backbone.contract_dilation else "after"
    assert isinstance(config.backbone, ResNetConfig)
    grid = (1, 1, 1)
    if backbone.multi_grid is not None:
        # Theirs are the rates of the convolutions themselves; ours are factors of the planned ones.
        planned = backbone.dilations[3]
        first = max(planned // 2, 1) if rate == "before" and planned > 1 else planned
        theirs, factors = backbone.multi_grid, (first, planned, planned)
        if len(theirs) == 2 and config.backbone.depth == 18:
            theirs = (*theirs, factors[2])
        if len(theirs) != 3 or any(one % factor for one, factor in zip(theirs, factors, strict=True)):
            raise InputError(f"multi_grid {theirs} at output stride {output_stride} has no counterpart here")
        grid = (theirs[0] // factors[0], theirs[1] // factors[1], theirs[2] // factors[2])
    caffe = backbone.style == "caffe" and config.backbone.depth not in BASIC_DEPTHS
    strided: StridedLayer = "1x1" if caffe else "3x3"
    compatibility = replace(config.compatibility, unstrided_rate=rate, strided_layer=strided)
    resnet = replace(config.backbone, multi_grid=grid)
    return replace(config, backbone=resnet, output_stride=output_stride, compatibility=compatibility)


def _rates(dilations: tuple[int, ...], *, output_stride: int) -> tuple[int, ...]:
    """Rates at output stride 16 of the branches after the first, which is a 1x1 convolution."""
    scaled = [rate * output_stride for rate in dilations[1:]]
    if not dilations or dilations[0] != 1 or any(rate % 16 for rate in scaled):
        raise InputError(f"dilations {dilations} at output stride {output_stride} have no counterpart at 16")
    return tuple(rate // 16 for rate in scaled)


def _with_scaling(config: ModelConfig, settings: dict[str, Any], model: dict[str, Any]) -> Stated:
    """Input scaling of `data_preprocessor`, before 1.0 of `img_norm_cfg`."""
    before = settings.get("img_norm_cfg")
    stated = model.get("data_preprocessor") or settings.get("data_preprocessor")
    if isinstance(before, dict) and not isinstance(stated, dict):
        stated = {**before, "bgr_to_rgb": before.get("to_rgb", True)}
    if not isinstance(stated, dict):
        return Stated(config, ("scaling",))
    preprocessor = read_settings(_Preprocessor, stated, where="meta.cfg: data_preprocessor")
    if preprocessor.mean is None or preprocessor.std is None:
        return Stated(config, ("scaling",), reversed_channels=not preprocessor.reverses)
    mean, std = preprocessor.mean, preprocessor.std
    if not preprocessor.reverses:  # the statistics stand in the order of the network's channels
        mean, std = mean[::-1], std[::-1]
    conventions = replace(config.conventions, input_mean=mean, input_std=std)
    return Stated(replace(config, conventions=conventions), reversed_channels=not preprocessor.reverses)
