"""Export of weights in the layouts of torchvision and Hugging Face: the key maps of the import, inverted."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save as serialize
from torch import Tensor

from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.importers.projects import (
    hugging_face,
    layers,
    torchvision_keys,
)
from atrous.importers.projects import (
    torchvision_mobilenet_v3_keys as torchvision_mobilenet_v3,
)
from atrous.importers.projects.key_map import pooling_last
from atrous.labels import LabelSpace
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, MobileNetV2Config, MobileNetV3Config, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH, Conventions
from atrous.model.deeplab import DeepLab
from atrous.model.presets import PRESETS

_FREE = ("align_corners", "fit", "image_padding")
"""Conventions outside the network: where logits lie over the image."""


def to_torchvision(path: Path, model: DeepLab) -> None:
    """Write a state dict (safetensors) for torchvision.

    It fits its `deeplabv3_resnet50`, `deeplabv3_resnet101`, `deeplabv3_mobilenet_v3_large` and
    `lraspp_mobilenet_v3_large`, built without auxiliary head and with as many classes.

    Raises:
        InputError: If the model is none of these networks; the message shows the difference.
    """
    config = model.config
    match config.backbone:
        case ResNetConfig(depth=depth):
            table = {**torchvision_keys.LAYERS, **layers.resnet_units("backbone.", depth=depth)}
        case MobileNetV3Config(variant=variant):
            other = torchvision_mobilenet_v3.LITE_HEAD if isinstance(config.head, ASPPConfig) else torchvision_keys.HEAD
            layers_of_both = torchvision_mobilenet_v3.LAYERS[variant]
            table = {theirs: ours for theirs, ours in layers_of_both.items() if theirs not in other}
        case _:
            raise InputError("torchvision has no DeepLab with this backbone; it has ResNet and MobileNetV3")
    like = _torchvision_config(config)
    _check_alike(config, like, project="torchvision")
    state = dict(model.state_dict())
    if torchvision_keys.PROJECTION in state:
        state[torchvision_keys.PROJECTION] = pooling_last(state[torchvision_keys.PROJECTION])
    bias = state.pop(f"{torchvision_mobilenet_v3.GATE}.bias", None)
    if bias is not None and bias.any():
        raise InputError("its gate has a bias, which torchvision's has not")
    _write(path, _renamed(state, table))


def to_hugging_face(folder: Path, model: DeepLab, *, labels: LabelSpace) -> None:
    """Write `model.safetensors`, `config.json` and `preprocessor_config.json` for `MobileNetV2ForSemanticSegmentation`.

    Raises:
        InputError: If the model is another network; the message shows the difference.
    """
    config, conventions = model.config, model.config.conventions
    if not isinstance(config.backbone, MobileNetV2Config) or not isinstance(config.head, ASPPConfig):
        raise InputError("Hugging Face has DeepLabv3 on MobileNetV2 only; this is another network")
    like = replace(
        config,
        backbone=MobileNetV2Config(config.backbone.depth_multiplier, channel_divisor=8),
        head=ASPPConfig(rates=(), dropout=config.head.dropout),
        decoder=None,
        conventions=replace(
            hugging_face.CONVENTIONS,
            conv_padding=conventions.conv_padding,
            backbone_epsilon=conventions.backbone_epsilon,
            input_mean=conventions.input_mean,
            input_std=conventions.input_std,
        ),
        compatibility=Compatibility(low_level=config.compatibility.low_level),
    )
    if config.backbone.depth_multiplier == 1.0 and config.backbone.channel_divisor is None:
        like = replace(like, backbone=config.backbone)  # at multiplier 1 both rules give the same widths
    _check_alike(config, like, project="Hugging Face")
    mean, std = conventions.input_scaling(3)
    _write(folder / "model.safetensors", _renamed(model.state_dict(), hugging_face.layers()))
    _write_json(folder / "config.json", _hugging_face_settings(config, labels=labels))
    processor = {
        "image_processor_type": "MobileNetV2ImageProcessor",
        "do_resize": False,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [value / 255 for value in mean],
        "image_std": [value / 255 for value in std],
    }
    _write_json(folder / "preprocessor_config.json", processor)


def _torchvision_config(config: ModelConfig) -> ModelConfig:
    """Configuration of the network that torchvision builds with this backbone and these classes."""
    head = ASPPConfig(projection=((1, 256, False), (3, 256, False)))
    if isinstance(config.backbone, ResNetConfig):
        details = Compatibility(low_level=config.compatibility.low_level)
        like = ModelConfig(ResNetConfig(config.backbone.depth), head, conventions=PYTORCH, compatibility=details)
    else:
        like = PRESETS["deeplabv3_mobilenet_v3" if isinstance(config.head, ASPPConfig) else "lraspp_mobilenet_v3"]
    scaling = {name: getattr(config.conventions, name) for name in ("input_mean", "input_std")}
    return replace(
        like,
        conventions=replace(like.conventions, **scaling),
        classes=config.classes,
        output_stride=config.output_stride,
        in_channels=config.in_channels,
    )


def _hugging_face_settings(config: ModelConfig, *, labels: LabelSpace) -> dict[str, Any]:
    assert isinstance(config.backbone, MobileNetV2Config)
    return {
        "architectures": ["MobileNetV2ForSemanticSegmentation"],
        "model_type": "mobilenet_v2",
        "depth_multiplier": config.backbone.depth_multiplier,
        "depth_divisible_by": 8,
        "min_depth": 8,
        "output_stride": config.output_stride,
        "tf_padding": config.conventions.conv_padding == "same",
        "layer_norm_eps": config.conventions.backbone_epsilon,
        "hidden_act": "relu6",
        "num_channels": config.in_channels,
        "semantic_loss_ignore_index": labels.ignore,
        "id2label": {str(label): name for label, name in enumerate(labels.names)},
        "label2id": {name: label for label, name in enumerate(labels.names)},
    }


def _check_alike(config: ModelConfig, like: ModelConfig, *, project: str) -> None:
    """Refuse what their network does not do, by the first setting."""
    for part in ("backbone", "head", "decoder", "conventions", "compatibility"):
        ours, theirs = getattr(config, part), getattr(like, part)
        if isinstance(ours, Conventions):
            ours = replace(ours, **{name: getattr(theirs, name) for name in _FREE})
        if ours != theirs:
            raise InputError(f"{project}'s network has {part} {theirs}, this one {ours}; it cannot be given back")


def _renamed(state: Mapping[str, Tensor], table: Mapping[str, str]) -> dict[str, Tensor]:
    theirs = {ours: name for name, ours in table.items()}
    split = {name: name.rpartition(".") for name in state}
    return {f"{theirs[layer]}.{tensor}": state[name] for name, (layer, _, tensor) in split.items()}


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    content = serialize(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"format": "pt"}
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _write_json(path: Path, settings: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=2))
