"""FiftyOne's data set format: `samples.json` and `data/`, with masks beside or inside the file."""

import base64
import io
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from atrous.data.annotations.outlines import BoxedMask, Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import Drawn, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import SPLITS
from atrous.errors import InputError

_LARGEST_ARRAY = 2**28


def fiftyone(tree: Tree) -> Contents | None:
    """Pictures with the polylines and detections of `samples.json`; None where there is none."""
    drawn: list[Drawn] = []
    faults: list[tuple[str, str]] = []
    used: list[Path] = []
    for path in tree.named("samples.json"):
        content = tree.json(path)
        samples = content.get("samples") if isinstance(content, dict) else None
        for sample in samples if isinstance(samples, list) else ():
            written = str(sample.get("filepath", ""))
            image = tree.find(written, near=path, pictures=True)
            if image is None:
                faults.append(("missing file", f"{tree.root / path}: no picture {written!r:.200}; add it"))
                continue
            try:
                drawing = _drawing(sample, path=tree.root / path)
            except (InputError, KeyError, TypeError, ValueError) as error:
                faults.append(("unreadable mask", f"{tree.root / path}: {written!r:.200}: {error}"))
                continue
            tags = [SPLITS[tag] for tag in sample.get("tags", ()) if tag in SPLITS]
            drawn.append(Drawn(image, path, drawing, tags[0] if tags else split_of_folders(image)))
        used += [path, *tree.named("metadata.json")]
    return (
        drawn_contents(tree, "FiftyOne", drawn, used=used, faults=faults)
        if any(one.drawing.shapes for one in drawn)
        else None
    )


def _drawing(sample: dict[str, Any], *, path: Path) -> Drawing:
    shapes: list[tuple[str, Outline]] = []
    for field in sample.values():
        if not isinstance(field, dict):
            continue
        for item in field.get("polylines", ()) if field.get("_cls") == "Polylines" else ():
            if item.get("closed") or item.get("filled"):
                rings = tuple(ring(points, path=path) for points in item["points"])
                shapes.append((str(item["label"]), Polygon(rings, scale=1.0)))
        for item in field.get("detections", ()) if field.get("_cls") == "Detections" else ():
            if item.get("mask") is not None:
                left, top, width, height = (float(value) for value in item["bounding_box"])
                shapes.append((str(item["label"]), BoxedMask(_mask(item["mask"]), (left, top, width, height))))
    return Drawing(tuple(shapes))


def _mask(value: Any) -> np.ndarray:
    """A mask within a box: an array that is packed by zlib, in base64."""
    text = value.get("$binary", value) if isinstance(value, dict) else value
    text = text.get("base64", "") if isinstance(text, dict) else text
    raw = zlib.decompressobj().decompress(base64.b64decode(re.sub(r"\s", "", str(text))), _LARGEST_ARRAY)
    return np.load(io.BytesIO(raw), allow_pickle=False) != 0
