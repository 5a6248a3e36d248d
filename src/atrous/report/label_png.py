"""Label maps as files: PNG whose pixel values are the class ids and whose palette shows them in colour."""

from pathlib import Path

import numpy as np
from jaxtyping import Integer
from PIL import Image

from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.report.label_index import label_index
from atrous.report.pictures import ignore_color


def write_label_png(path: Path, labels: Integer[np.ndarray, "h w"], space: LabelSpace) -> None:
    """Write `labels` so that reading the file gives the same numbers back.

    Up to 255 classes: indexed 8-bit PNG with the colours of the classes and, where the ignore value is at most 255, of
    ignored pixels. More classes, or a map that holds an ignore value above 255: 16-bit grey PNG, which has no palette.

    Args:
        path: The file, replaced as a whole or not at all.
        labels: Class ids and the ignore value, in any integer type.
        space: Names the ids that may occur and their colours.

    Raises:
        InputError: If a value is neither a class id nor the ignore value, or the file cannot be written.
    """
    label_index(labels, space, where=str(path))
    palette = label_palette(space)
    if palette is None or labels.max() > 255:
        picture = Image.fromarray(labels.astype(np.uint16))
    else:
        picture = Image.fromarray(labels.astype(np.uint8))
        picture.putpalette(palette)
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")


def label_palette(space: LabelSpace) -> bytes | None:
    """RGB of all 256 values of an indexed picture; None for more classes than it can have."""
    if len(space) > 255:
        return None
    # All 256 entries: with fewer, the encoder packs several pixels into a byte, which some readers get wrong.
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(space)] = space.palette
    if space.ignore <= 255:
        palette[space.ignore] = ignore_color(space)
    return palette.tobytes()
