"""COCO: `images/` and `annotations/instances_SPLIT.json`, every class of an image as run lengths."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from atrous.data.writers.labelled_image import LabelledImage, copy_image, drawn_classes, write_text
from atrous.labels import LabelSpace

IGNORED = "ignore"
"""Name of the category of pixels without a class."""


def write_coco(folder: Path, items: Iterable[LabelledImage], space: LabelSpace) -> list[str]:
    """Write one annotation per class and image, as uncompressed run lengths; nothing is lost.

    A first class that is the background is not written: it is what no annotation covers. Pixels without a class are a
    category of their own, after the classes.

    Raises:
        InputError: If a file cannot be written.
    """
    images: dict[str, list[dict[str, Any]]] = defaultdict(list)
    annotations: dict[str, list[dict[str, Any]]] = defaultdict(list)
    categories = {label: label + 1 for label in drawn_classes(space)}
    number = 0
    for number, item in enumerate(items, start=1):
        path = copy_image(item, folder / "images")
        height, width = item.labels.shape
        file_name = path.relative_to(folder / "images").as_posix()
        images[item.split].append({"id": number, "file_name": file_name, "width": width, "height": height})
        for label in np.unique(item.labels).tolist():
            category = len(space) + 1 if label == space.ignore else categories.get(label)
            if category is not None:
                entries = annotations[item.split]
                entries.append({"id": len(entries) + 1, "image_id": number, "category_id": category})
                entries[-1].update(run_lengths(item.labels == label))
    named = [{"id": category, "name": space.names[label]} for label, category in categories.items()]
    named.append({"id": len(space) + 1, "name": IGNORED})
    for split, entries in images.items():
        content = {"images": entries, "annotations": annotations[split], "categories": named}
        write_text(folder / "annotations" / f"instances_{split}.json", json.dumps(content, ensure_ascii=False))
    return []


def run_lengths(inside: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    """Segmentation, area and box of a region, as COCO writes crowds: runs down the columns, outside first."""
    column_wise = inside.T.ravel()
    changes = np.flatnonzero(np.diff(column_wise, prepend=False))
    counts = np.diff(changes, prepend=0, append=len(column_wise)).tolist()
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "segmentation": {"size": list(inside.shape), "counts": counts},
        "area": int(inside.sum()),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "iscrowd": 1,
    }
