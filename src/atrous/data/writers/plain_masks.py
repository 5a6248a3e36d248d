"""The plain layout: `images/`, `masks/` with class ids, `schema.toml` and a list per split."""

from collections import defaultdict
from pathlib import Path

from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.data.writers.labelled_image import LabelledImage, copy_image, write_lists
from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png


class MaskWriter:
    """Writes masks as palette PNG (16-bit grey for more than 255 classes).

    Args:
        folder: Folder of the data set.
        space: Names and colours of the classes.
    """

    images, masks, lists = "images", "masks", ""
    """Folders below that of the data set."""

    def __init__(self, folder: Path, space: LabelSpace) -> None:
        self.folder, self.space = folder, space
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, item: LabelledImage) -> None:
        """Write an image and its mask; raises InputError if it cannot."""
        copy_image(item, self.folder / self.images)
        write_label_png(self.folder / self.masks / f"{item.name}.png", item.labels, self.space)
        self._names[item.split].append(item.name)

    def finish(self) -> list[str]:
        """Write lists and classes; nothing is lost. Raises InputError if one cannot be written."""
        write_lists(self.folder / self.lists, self._names)
        self.write_classes()
        return []

    def write_classes(self) -> None:
        """Write names and colours of the classes; raises InputError if it cannot."""
        write_schema(self.folder / SCHEMA_FILE, Schema(self.space))
