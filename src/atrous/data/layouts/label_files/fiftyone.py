"""FiftyOne's data set format: `samples.json` and `data/`, with masks beside or inside the file."""

import base64
import io
import re
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from atrous.data.annotations.outlines import BoxedMask, Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import SPLITS

_LARGEST_ARRAY = 2**28


def fiftyone(tree: Tree) -> Contents | None:
    """Pictures with the polylines and detections of `samples.json`; None where there is none."""
    found = DrawnPictures(tree)
    used: list[Path] = []
    for path in tree.named("samples.json"):
        content = tree.json(path)
        samples = content.get("samples") if isinstance(content, dict) else None
        for sample in samples if isinstance(samples, list) else ():
            written = str(sample.get("filepath")) if isinstance(sample, dict) else str(sample)
            image = tree.find(written, near=path, pictures=True)
            split = _split(sample) or split_of_folders(image or path)
            found.add(image, path, partial(_drawing, sample, path=tree.root / path), written=written, split=split)
        used += [path, *tree.named("metadata.json")]
    return (
        drawn_contents(tree, "FiftyOne", found.drawn, used=used, faults=found.faults)
        if any(one.drawing.shapes for one in found.drawn)
        else None
    )


def _split(sample: Any) -> str:
    tags = sample.get("tags") if isinstance(sample, dict) else None
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return next((SPLITS[word] for word in words if word in SPLITS), "")


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
