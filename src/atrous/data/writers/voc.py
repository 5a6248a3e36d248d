"""The layout of PASCAL VOC: `JPEGImages/`, `SegmentationClass/`, `ImageSets/Segmentation/` and `labelmap.txt`."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from atrous.data.writers.labelled_image import LabelledImage, copy_image, write_lists, write_text
from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png


def write_voc(folder: Path, items: Iterable[LabelledImage], space: LabelSpace) -> list[str]:
    """Write masks as palette PNG, with names and colours in `labelmap.txt` as CVAT has it; nothing is lost.

    Raises:
        InputError: If a file cannot be written.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for item in items:
        copy_image(item, folder / "JPEGImages")
        write_label_png(folder / "SegmentationClass" / f"{item.name}.png", item.labels, space)
        names[item.split].append(item.name)
    write_lists(folder / "ImageSets" / "Segmentation", names)
    colors = zip(space.names, space.palette, strict=True)
    lines = [f"{name}:{','.join(map(str, color))}::" for name, color in colors]
    write_text(folder / "labelmap.txt", "\n".join(["# label:color_rgb:parts:actions", *lines, ""]))
    return []
