"""Weights of timm's networks, from the Hugging Face hub, where timm keeps them: `timm:NAME` or `timm:NAME.TAG`."""

from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError

from atrous.errors import InputError, reason
from atrous.model.any_backbone import SCHEME
from atrous.model.backbones.atrous_encoder import AtrousEncoder
from atrous.model.backbones.timm_encoder import pretrained_config, pretrained_network, timm_conventions, timm_encoder
from atrous.model.config import TimmConfig
from atrous.model.conventions import Conventions
from atrous.weights import hub

WEIGHTS_FILE = "model.safetensors"


class TimmNetwork(NamedTuple):
    """A trained network of timm.

    Attributes:
        config: Its name.
        conventions: Conventions of its weights.
        backbone: The network, made atrous.
    """

    config: TimmConfig
    conventions: Conventions
    backbone: AtrousEncoder


def timm_network(source: str) -> tuple[Path, TimmNetwork]:
    """Fetch the weights of a network of timm and load them; only safetensors files are read.

    Args:
        source: `timm:NAME`, or `timm:NAME.TAG` where timm has several weights.

    Returns:
        The file in the cache, and the network.

    Raises:
        InputError: If timm is not installed, or has no such network or weights, or they cannot be fetched or do not
            fit.
    """
    name, _, tag = source.removeprefix(SCHEME).partition(".")
    config = TimmConfig(name)
    repository = pretrained_config(name, tag=tag).hf_hub_id
    if not isinstance(repository, str) or repository.count("/") != 1:
        raise InputError(f"timm has no weights for {source} on the hub; train from other weights, or from random ones")
    timm_encoder(name, output_stride=32, in_channels=3)  # refuses what cannot be made atrous before it is fetched
    path = hub.fetch_file(source, repository, WEIGHTS_FILE)
    try:
        network = pretrained_network(name, path, tag=tag)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{path} does not hold the weights of {source}: {reason(error):.120}") from error
    return path, TimmNetwork(config, timm_conventions(name, tag=tag), AtrousEncoder(network, output_stride=32))
