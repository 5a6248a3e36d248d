"""A checkpoint of any known project to a `ForeignNetwork`, recognised by the names of its tensors."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import (
    detectron2,
    hugging_face,
    jfzhang95,
    mmsegmentation,
    smp,
    timm,
    torchvision,
    vainf,
)
from atrous.importers.pytorch.state_dict import StateDict, read_state_dict
from atrous.report.wording import shortened

PEERS = (hugging_face, mmsegmentation, detectron2, jfzhang95, smp, vainf, timm, torchvision)
"""Asked in this order; each has `recognises(tensors)` and `read(found)`."""


REFUSED: Mapping[str, str] = {
    r"(base\.)?aspp\.c\d\.(weight|bias)$": (
        "DeepLabv2 of kazuto1011/deeplab-pytorch: it sums four classifiers and has no ASPP of DeepLabv3"
    ),
    r"(base\.)?aspp\.stages\.c0\.conv\.weight$": (
        "DeepLabv3 of kazuto1011/deeplab-pytorch: its units stride in their 1x1 convolutions and its pooling rounds "
        "sizes up, which no network here does"
    ),
    r"(backbone\.)?(incre_modules|stage4\.0\.fuse_layers)\.": "a network with HRNet, which is not built here",
    r"(encoder|backbone)\.(patch_embed|block1\.0\.attn)": "a network with a transformer, which is no DeepLab",
    r"decode_head\.linear_fuse\.": "SegFormer, which is no DeepLab",
    r"mobilevit\.": "MobileViT, which is not built here",
}
"""Pattern for the beginning of a tensor's name -> network, and the reason why it is refused."""


def read_torch(path: Path) -> ForeignNetwork:
    """The network of a PyTorch checkpoint, a safetensors file, or a folder of Hugging Face's.

    Raises:
        InputError: If it is damaged, of no known project, or a network that is not built here; the message says why.
    """
    try:
        found = read_state_dict(path)
        return from_state_dict(found)
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def from_state_dict(found: StateDict) -> ForeignNetwork:
    """The network of a state dict.

    Raises:
        InputError: As `read_torch`.
    """
    if reason := _refusal(found.tensors):
        raise InputError(reason)
    for peer in PEERS:
        if peer.recognises(found.tensors):
            source = peer.read(found)
            return replace(source, skipped={**found.skipped, **source.skipped})
    some = ", ".join(f"{name:.60}" for name in list(found.tensors)[:3])
    raise InputError(f"a network of no project that is known here; its tensors are {some or 'none'} ...")


def _refusal(tensors: Mapping[str, Tensor]) -> str | None:
    """Reason why a network cannot be built, if it is one of those known."""
    for pattern, reason in REFUSED.items():
        if any(re.match(pattern, name) for name in tensors):
            return reason
    return None
