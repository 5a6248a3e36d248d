"""The layout of PASCAL VOC: `JPEGImages/`, `SegmentationClass/`, `ImageSets/Segmentation/` and `labelmap.txt`."""

from collections import defaultdict
from pathlib import Path

from atrous.data.writers.labelled_image import LabelledImage, copy_image, write_lists, write_text
from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png


class VocWriter:
    """Writes masks as palette PNG, with names and colours in `labelmap.txt` as CVAT has it.

    Args:
        folder: Folder of the data set.
        space: Names and colours of the classes.
    """

    def __init__(self, folder: Path, space: LabelSpace) -> None:
        self._folder, self._space = folder, space
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, item: LabelledImage) -> None:
        """Write an image and its mask; raises InputError if it cannot."""
        copy_image(item, self._folder / "JPEGImages")
        write_label_png(self._folder / "SegmentationClass" / f"{item.name}.png", item.labels, self._space)
        self._names[item.split].append(item.name)

    def finish(self) -> list[str]:
        """Write lists and classes; nothing is lost. Raises InputError if one cannot be written."""
        write_lists(self._folder / "ImageSets" / "Segmentation", self._names)
        colors = zip(self._space.names, self._space.palette, strict=True)
        lines = [f"{name}:{','.join(map(str, color))}::" for name, color in colors]
        write_text(self._folder / "labelmap.txt", "\n".join(["# label:color_rgb:parts:actions", *lines, ""]))
        return []
