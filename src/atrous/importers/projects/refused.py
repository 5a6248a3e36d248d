"""Networks that are recognised, but cannot be built here: told by name, with the reason."""

import re
from collections.abc import Mapping

from torch import Tensor

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
"""A pattern for the beginning of a tensor's name to what it gives away."""


def refusal(tensors: Mapping[str, Tensor]) -> str | None:
    """Why the network cannot be built, if it is one of those known."""
    for pattern, reason in REFUSED.items():
        if any(re.match(pattern, name) for name in tensors):
            return reason
    return None
