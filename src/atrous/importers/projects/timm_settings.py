"""Settings that timm writes into `config.json` beside its weights: architecture and input scaling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from atrous.errors import InputError
from atrous.importers.overrides import WHOLE_RANGE
from atrous.importers.projects.key_map import read_settings
from atrous.model.conventions import Conventions

_RESNET = re.compile(r"(tv_|gluon_)?resnet\d+c?")
"""Architectures of timm with the units, pooling and stem of torchvision's ResNet, or with stem C."""

_MOBILE_NET = re.compile(r"(tf_)?mobilenetv(2_\d+d?|3_(large|small)_\d+)")
"""Architectures of timm that are MobileNetV2 or MobileNetV3 as the papers have them."""


_HARMLESS = frozenset({"num_classes", "in_chans", "global_pool", "drop_rate", "drop_path_rate", "img_size"})
"""Arguments that change no feature of a trained network, or that its tensors show."""


@dataclass(frozen=True)
class TimmSettings:
    """Entries of timm's `config.json`.

    Attributes:
        architecture: Name of the network, "" where nothing states it.
        pretrained_cfg: Settings of its training, among them mean and std of 0..1.
        model_args: Arguments that the network was built with, besides its name.
    """

    architecture: str = ""
    pretrained_cfg: Mapping[str, Any] = field(default_factory=dict)
    model_args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Scaling:
    mean: tuple[float, ...]
    std: tuple[float, ...]


def timm_settings(settings: Mapping[str, Any]) -> TimmSettings:
    """Entries of a `config.json`.

    Raises:
        InputError: If one has another type than timm writes, or the network was built with arguments that change what
            it computes.
    """
    found = read_settings(TimmSettings, settings)
    if changing := sorted(found.model_args.keys() - _HARMLESS):
        raise InputError(
            f"model_args of config.json changes {', '.join(changing):.100}, so that timm's {found.architecture:.60} is "
            "another network than the one built here; convert weights of the plain one"
        )
    return found


def check_resnet(architecture: str) -> None:
    """Refuse variants of ResNet whose tensors have the names of the plain one, but which compute something else.

    Raises:
        InputError: If config.json names such a variant (resnetblur50, resnetaa50, resnet50d ...).
    """
    if architecture and not is_plain_resnet(architecture):
        raise InputError(
            f"{architecture:.60} of timm is another network than ResNet-18, -34, -50, -101 and -152, which are built"
        )


def check_mobile_network(architecture: str) -> None:
    """Refuse mobile networks that resemble MobileNetV2 or MobileNetV3, but have another epsilon or activation.

    Raises:
        InputError: If config.json names such a variant (mobilenetv3_rw, fbnetc_100 ...).
    """
    if architecture and not _MOBILE_NET.fullmatch(architecture.partition(".")[0]):
        raise InputError(f"{architecture:.60} of timm is another network than MobileNetV2 and V3, which are built here")


def is_plain_resnet(architecture: str) -> bool:
    """Return True for timm's names of a ResNet as it is built here."""
    return _RESNET.fullmatch(architecture.partition(".")[0]) is not None


def scaled(conventions: Conventions, pretrained: Mapping[str, Any]) -> tuple[Conventions, tuple[str, ...]]:
    """Conventions with the input scaling of `pretrained_cfg`, and the names of what it does not state.

    Raises:
        InputError: If mean or std are no numbers of 0 to 1.
    """
    if not {"mean", "std"} & pretrained.keys():
        return conventions, ("scaling",)
    scaling = read_settings(_Scaling, pretrained, where="pretrained_cfg of config.json")
    if not all(0 <= value <= 1 for value in (*scaling.mean, *scaling.std)):
        raise InputError("mean and std in pretrained_cfg of config.json are no numbers of 0 to 1")
    mean, std = (tuple(WHOLE_RANGE * value for value in values) for values in (scaling.mean, scaling.std))
    return replace(conventions, input_mean=mean, input_std=std), ()
