"""The plain layout: `images/`, `masks/` with class ids, `schema.toml` and a list per split."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.data.writers.labelled_image import LabelledImage, copy_image, write_lists
from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png


def write_masks(folder: Path, items: Iterable[LabelledImage], space: LabelSpace) -> list[str]:
    """Write masks as palette PNG (16-bit grey for more than 255 classes); nothing is lost.

    Raises:
        InputError: If a file cannot be written.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for item in items:
        copy_image(item, folder / "images")
        write_label_png(folder / "masks" / f"{item.name}.png", item.labels, space)
        names[item.split].append(item.name)
    write_lists(folder, names)
    write_schema(folder / SCHEMA_FILE, Schema(space))
    return []
