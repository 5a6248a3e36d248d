"""Networks of the library timm as backbones: built there, then made atrous.

timm is imported when such a network is built, and not before.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from atrous.errors import InputError, did_you_mean
from atrous.extras import require
from atrous.model.backbones.atrous_encoder import AtrousEncoder
from atrous.model.conventions import PYTORCH, Conventions

WHOLE_RANGE = 255.0
"""Images of the models here are 0..255; timm's mean and std are of 0..1."""


def timm_library(network: str) -> ModuleType:
    """Import timm.

    Args:
        network: Name of the network that needs it.

    Raises:
        InputError: If it is not installed.
    """
    return require("timm", extra="timm", purpose=f"the network timm:{network}")


def timm_encoder(network: str, *, output_stride: int, in_channels: int) -> AtrousEncoder:
    """Build a network of timm without its classifier as a backbone.

    Args:
        network: Its name in timm, such as `resnet50d`.
        output_stride: 4, 8, 16 or 32.
        in_channels: Channels of the image.

    Raises:
        InputError: If timm is not installed or has no such network, or the network cannot be made atrous.
    """
    timm = timm_library(network)
    _check_name(timm, network)
    try:
        module: nn.Module = timm.create_model(network, features_only=True, in_chans=in_channels)
    except (RuntimeError, AssertionError, AttributeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"timm:{network} has no features at several strides ({first:.120}); choose another") from error
    try:
        return AtrousEncoder(module, output_stride=output_stride, in_channels=in_channels)
    except InputError as error:
        raise InputError(f"timm:{network}: {error}") from error


def pretrained_network(network: str, tensors: Mapping[str, Tensor], *, tag: str = "") -> nn.Module:
    """Build a network of timm, without its classifier, with given weights; timm's errors pass.

    Args:
        network: Its name in timm.
        tensors: State dict of the whole network, with timm's names.
        tag: Name of these weights in timm; by default timm's first.

    Raises:
        ValueError: If there are no tensors.
        RuntimeError: If one of the network's is missing, or there are others.
    """
    if not tensors:  # timm would look for weights elsewhere
        raise ValueError("no tensors")
    timm, name = timm_library(network), _tagged(network, tag)
    # Only a whole network is loaded strictly; without its classifier timm passes over what is missing. timm takes
    # tensors out of the dict that it is given.
    timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": {**tensors}, "source": ""})
    local = {"state_dict": {**tensors}, "source": ""}
    module: nn.Module = timm.create_model(name, features_only=True, pretrained=True, pretrained_cfg_overlay=local)
    for part in module.modules():
        settings: Any = getattr(part, "pretrained_cfg", None)
        if isinstance(settings, dict):
            settings["state_dict"] = None  # the tensors are in the network now
    return module


def timm_conventions(network: str, *, tag: str = "") -> Conventions:
    """Conventions of a network of timm: PyTorch's, with the mean and the standard deviation of its training.

    Args:
        network: Its name in timm.
        tag: Name of one of several weights of the network; by default timm's first.

    Raises:
        InputError: If timm is not installed, or has no such network or weights.
    """
    config = pretrained_config(network, tag=tag)
    mean, std = (tuple(WHOLE_RANGE * value for value in values) for values in (config.mean, config.std))
    return replace(PYTORCH, input_mean=mean, input_std=std)


def pretrained_config(network: str, *, tag: str = "") -> Any:
    """Settings of the weights that timm has for a network: repository, mean and standard deviation.

    Args:
        network: Name of the network.
        tag: Name of one of several weights of the network; by default timm's first.

    Raises:
        InputError: If timm is not installed, or has no such network or weights.
    """
    timm = timm_library(network)
    _check_name(timm, network)
    try:
        config = timm.get_pretrained_cfg(_tagged(network, tag))
    except RuntimeError as error:
        raise InputError(f"timm has no weights {tag!r:.60} for {network}; see timm.list_pretrained()") from error
    if config is None:
        raise InputError(f"timm states no settings of weights for {network}; choose another of its networks")
    return config


def _tagged(network: str, tag: str) -> str:
    """Name of a network with the name of its weights, as timm writes it."""
    return f"{network}.{tag}" if tag else network


def _check_name(timm: ModuleType, network: str) -> None:
    if not timm.is_model(network):
        raise InputError(f"timm has no network {network!r}; {did_you_mean(network, timm.list_models())}")
