"""Names of the tensors in torchvision's DeepLabv3 and LR-ASPP with MobileNetV3, translated to ours."""

from collections.abc import Iterator, Mapping
from functools import partial

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.projects.torchvision_keys import AUXILIARY, BEYOND, HEAD, renamed
from atrous.model.backbones.mobilenet_v3 import VARIANTS, Variant

LITE_HEAD = {
    "classifier.cbr.0": "aspp.features.conv",
    "classifier.cbr.1": "aspp.features.norm",
    "classifier.scale.1": "aspp.gate",
    "classifier.high_classifier": "classifier",
    "classifier.low_classifier": "middle_classifier",
}

GATE = "aspp.gate"


def _backbone_layers(variant: Variant) -> Iterator[tuple[str, str]]:
    """Pairs (name there, name here) of every layer, counted there from the stem to the last convolution."""
    rows = VARIANTS[variant].rows
    for number, name in ((0, "stem"), (len(rows) + 1, "last")):
        yield f"backbone.{number}.0", f"backbone.{name}.conv"
        yield f"backbone.{number}.1", f"backbone.{name}.norm"
    for unit, row in enumerate(rows):
        expansion = () if unit == 0 else ("expand",)
        gate = ("gate",) if row.squeezes else ()
        for number, part in enumerate((*expansion, "depthwise", *gate, "project")):
            kinds = (("fc1", "squeeze"), ("fc2", "excite")) if part == "gate" else (("0", "conv"), ("1", "norm"))
            for theirs, ours in kinds:
                yield f"backbone.{unit + 1}.block.{number}.{theirs}", f"backbone.units.{unit}.{part}.{ours}"


LAYERS = {variant: {**dict(_backbone_layers(variant)), **HEAD, **LITE_HEAD} for variant in VARIANTS}


def our_key(key: str, *, variant: Variant) -> str | None:
    """Our name of a tensor, or None if it belongs to the auxiliary head.

    Raises:
        InputError: If their models have no tensor of this name.
    """
    if key.startswith(AUXILIARY):
        return None
    layer, _, tensor = key.rpartition(".")
    if layer not in LAYERS[variant]:
        raise InputError(f"{key!r:.80} is no tensor of torchvision's models with MobileNetV3 {variant}; {BEYOND}")
    return f"{LAYERS[variant][layer]}.{tensor}"


def from_torchvision(
    state: Mapping[str, Tensor], *, variant: Variant = "large"
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A state dict of theirs as one of ours, and the names of what was left out.

    `deeplabv3_mobilenet_v3` and `lraspp_mobilenet_v3` take it. Their branches are concatenated with image pooling last,
    ours with it first; their gates have no bias, ours one of zeros.

    Raises:
        InputError: If a name is none of theirs.
    """
    ours, skipped = renamed(state, partial(our_key, variant=variant))
    if f"{GATE}.weight" in ours:
        ours[f"{GATE}.bias"] = ours[f"{GATE}.weight"].new_zeros(len(ours[f"{GATE}.weight"]))
    return ours, skipped
