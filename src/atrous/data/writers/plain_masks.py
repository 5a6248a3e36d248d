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

    def __init__(self, folder: Path, space: LabelSpace) -> None:
        self._folder, self._space = folder, space
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, item: LabelledImage) -> None:
        """Write an image and its mask; raises InputError if it cannot."""
        copy_image(item, self._folder / "images")
        write_label_png(self._folder / "masks" / f"{item.name}.png", item.labels, self._space)
        self._names[item.split].append(item.name)

    def finish(self) -> list[str]:
        """Write lists and classes; nothing is lost. Raises InputError if one cannot be written."""
        write_lists(self._folder, self._names)
        write_schema(self._folder / SCHEMA_FILE, Schema(self._space))
        return []
