"""Networks that are known by the names of their tensors and not built here, and those that are not known."""

import re
from collections.abc import Collection, Mapping

from atrous.errors import InputError

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
    r"mobilevit(v2)?\.": "MobileViT, which is not built here",
    r"aspp\.aspp1\.weight$": (
        "DeepLabv3 of chenxi116/DeepLabv3.pytorch: no tensor tells whether its convolutions standardise their weights; "
        "not built here"
    ),
    r"(backbone|head)\..*\._(conv|batch_norm)\.": (
        "a network of PaddleSeg, whose ResNet_vd averages pixels in its shortcuts and whose Xception has other units; "
        "not built here, give a PyTorch or TensorFlow checkpoint of DeepLab"
    ),
}
"""Pattern for the beginning of a tensor's name -> network, and the reason why it is refused."""


def refuse_known(names: Collection[str]) -> None:
    """Raise InputError for networks that are known and cannot be built."""
    for pattern, reason in REFUSED.items():
        if any(re.match(pattern, name) for name in names):
            raise InputError(reason)


def unknown(names: Collection[str]) -> str:
    """The line about tensors whose names no project here gives."""
    if any(re.match(r"(module\.)?(backbone\.units\.\d|preprocess\.)", name) for name in names):
        return (
            "tensors of a model of this package without its settings, which atrous.save(path, model) writes along; "
            "build the model as it was, then model.load_state_dict"
        )
    some = ", ".join(f"{name:.60}" for name in list(names)[:3])
    return f"a network of no project that is known here; its tensors are {some or 'none'} ..."
