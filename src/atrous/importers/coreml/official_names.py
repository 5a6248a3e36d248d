"""Official names for the convolutions of a file whose own names say nothing: by the order in which they run."""

from collections.abc import Collection

from atrous.errors import InputError
from atrous.importers.tflite.official_mobilenet_v2 import ASPP0, IMAGE_POOLING, LOGITS, PROJECTION, STEM, UNITS

_FIRST, *_OTHERS = UNITS
_BACKBONE = (
    STEM, f"{_FIRST}/depthwise", f"{_FIRST}/project",
    *(f"{unit}/{part}" for unit in _OTHERS for part in ("expand", "depthwise", "project")),
)  # fmt: skip
_ORDER = (*_BACKBONE, ASPP0, PROJECTION, LOGITS)


def official_name(found: Collection[str], *, pooled: bool) -> str:
    """The next convolution's name. The backbone is a chain; in the head only one sees pooled maps, in whatever order.

    Args:
        found: Names that are taken.
        pooled: Whether it sees maps of one position.

    Raises:
        InputError: If there is no further.
    """
    for name in (IMAGE_POOLING,) if pooled else _ORDER:
        if name not in found:
            return name
    raise InputError("a convolution more than the official MobileNetV2 has")
