"""Weights of timm's networks: from the Hugging Face hub, as `timm:NAME` or `timm:NAME.TAG`, or from a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from atrous.errors import InputError, reason
from atrous.importers.pytorch.state_dict import open_file
from atrous.model.any_backbone import SCHEME
from atrous.model.backbones.atrous_encoder import AtrousEncoder
from atrous.model.backbones.timm_encoder import pretrained_config, pretrained_network, timm_conventions, timm_encoder
from atrous.model.config import TimmConfig
from atrous.model.conventions import Conventions
from atrous.weights import hub

WEIGHTS_FILE = "model.safetensors"

_MISFITS = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)
"""Errors of timm, torch and safetensors about a file that is not that of a network."""


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
        return path, _loaded(config, load_file(path), tag=tag)
    except _MISFITS as error:
        raise InputError(f"{path} does not hold the weights of {source}: {reason(error):.120}") from error


def timm_file(config: TimmConfig, path: Path) -> TimmNetwork:
    """Load a state dict of a network of timm, classifier included; image scaling is that of timm's first weights.

    Args:
        config: Name of the network.
        path: A safetensors file or a checkpoint, whose pickle is not executed.

    Raises:
        InputError: If timm is not installed, or the file holds no tensors or those of another network.
    """
    timm_encoder(config.network, output_stride=32, in_channels=3)
    first: Exception | None = None
    with open_file(path) as contents:
        for group in contents.groups:
            try:
                return _loaded(config, contents.load(group))
            except _MISFITS as error:
                first = first or error
    why = reason(first) if first else "there is no state dict in it"
    raise InputError(f"{path} does not hold the weights of timm's {config.network}: {why:.120}") from first


def _loaded(config: TimmConfig, tensors: Mapping[str, Tensor], *, tag: str = "") -> TimmNetwork:
    network = pretrained_network(config.network, tensors, tag=tag)
    return TimmNetwork(config, timm_conventions(config.network, tag=tag), AtrousEncoder(network, output_stride=32))
