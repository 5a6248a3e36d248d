"""The line about a folder whose layout is not known: what was seen, which known layout is nearest, what to do."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.label_files.yolo_keypoints import are_keypoints
from atrous.data.layouts.list_files import list_files
from atrous.data.layouts.looks import has_few_values
from atrous.data.layouts.small_texts import text_of
from atrous.data.layouts.tree import Tree
from atrous.data.schema import SCHEMA_FILE

_LABEL_FORMATS = {
    ".txt": "YOLO", ".json": "JSON of no known form", ".xml": "XML of no known form", ".csv": "run lengths in CSV",
    ".tfrecord": "TFRecord", ".parquet": "Hugging Face Parquet", ".geojson": "GeoJSON", ".shp": "shapefiles",
    ".npy": "label arrays", ".npz": "label arrays", ".mat": "MATLAB label maps", ".h5": "HDF5", ".hdf5": "HDF5",
    ".nii": "NIfTI", ".dcm": "DICOM", ".svg": "SVG drawings", ".zip": "an archive", ".tar": "an archive",
    ".gz": "an archive", ".rar": "an archive", ".7z": "an archive", ".record": "TFRecord", ".lmdb": "LMDB",
    ".mdb": "LMDB", ".pkl": "a Python pickle", ".pt": "PyTorch tensors", ".psd": "Photoshop files",
    ".nii.gz": "NIfTI", ".tar.gz": "an archive", ".tgz": "an archive", ".feather": "Feather tables",
    ".mp4": "a video", ".avi": "a video", ".mov": "a video", ".ndpi": "whole-slide pictures",
    ".svs": "whole-slide pictures", ".ply": "point clouds", ".pcd": "point clouds", ".las": "point clouds",
    ".roi": "regions of ImageJ", ".ndjson": "NDJSON", ".jsonl": "JSON lines", ".wkt": "well-known text", ".kml": "KML",
}  # fmt: skip
_FOLDERS, _TEXTS, _LEAST_NUMBERS = 50, 100, 5
"""Folders and texts that are looked at; numbers in a row of labels."""
_REMEDIES = {
    ".zip": "unpack it first: unzip FILE", ".tar": "unpack it first: tar xf FILE",
    ".gz": "unpack it first: gunzip FILE", ".tar.gz": "unpack it first: tar xf FILE",
    ".tgz": "unpack it first: tar xf FILE", ".nii.gz": "convert slices to PNG",
    ".mp4": "save frames and their masks as PNG", ".avi": "save frames and their masks as PNG",
    ".mov": "save frames and their masks as PNG",
    ".roi": "in ImageJ save a mask for each picture (ROI Manager, More, Labels or Create Mask) as PNG",
    ".rar": "unpack it first", ".7z": "unpack it first", ".nii": "convert slices to PNG", ".dcm": "convert them to PNG",
    ".tfrecord": "export them as PNG masks", ".record": "export them as PNG masks",
}  # fmt: skip


def unknown_line(tree: Tree) -> str:
    """One line about a folder that no layout fits: suffixes with counts, the nearest known format, a command."""
    root = tree.root
    if not tree.files:
        return f"{root} is of no known layout: it holds no files; expected are {root / 'images'} and {root / 'masks'}"
    if tree.named("last.safetensors"):
        return f"{root} is a run folder of atrous train, not data; name the folder of pictures and masks"
    counts = tree.suffixes()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] not in IMAGE_SUFFIXES))
    seen = " and ".join(f"{count} {suffix}" for suffix, count in ranked[:2])
    suffixes = [suffix for suffix, _ in counts.most_common()]
    pictures = [suffix for suffix in suffixes if suffix in IMAGE_SUFFIXES]
    lists = Counter(path.suffix.lower() for path in list_files(tree))
    others = [suffix for suffix in suffixes if suffix in _LABEL_FORMATS and counts[suffix] > lists[suffix]]
    others = [suffix for suffix in others if suffix != ".txt" or _have_numbers(tree, tree.with_suffix(suffix))]
    if others:
        kind, remedy = _nearest(tree, others[0])
    elif pictures:
        kind = "pictures without labels, or masks under names that pair with none"
        where = f"under [layout] in {root / SCHEMA_FILE}"
        remedy = f"{_put(root)}, or say {where} which files belong together: {_places(tree)}"
        remedy = f"{remedy}, then run atrous doctor {root}"
    else:
        kind, remedy = "no pictures at all", f"{_put(root)}, then run atrous doctor {root}"
    return f"{root} is of no known layout: I see {seen} that look like {kind}; {remedy}"


def _put(root: Path) -> str:
    return f"expected are {root / 'images'} and {root / 'masks'} with files of the same names"


def _places(tree: Tree) -> str:
    """Two lines to correct, with the first folder of pictures that look like photos, and the first of others."""
    firsts: dict[tuple[Path, str], Path] = {}
    for path in tree.files:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            firsts.setdefault((path.parent, path.suffix), path)
    shown = {False: "FOLDER/{name}.jpg", True: "FOLDER/{name}.png"}
    for (folder, suffix), path in [*firsts.items()][:_FOLDERS][::-1]:
        shown[has_few_values(tree.root / path, lossy=True)] = f"{(folder / '{name}').as_posix()}{suffix}"
    return f'images = "{shown[False]}" and masks = "{shown[True]}", {{name}} being what both names share, * any text'


def _nearest(tree: Tree, suffix: str) -> tuple[str, str]:
    """The known format that files of this suffix resemble most, and what to do."""
    root, sample = tree.root, tree.with_suffix(suffix)
    if suffix == ".txt" and _are_boxes(tree, sample):
        return "YOLO boxes", f"boxes have no outlines: export polygons from your tool, then run atrous doctor {root}"
    if suffix == ".txt" and are_keypoints(tree):
        return "YOLO keypoints", f"they are no outlines: export polygons from your tool, then run atrous doctor {root}"
    if suffix == ".xml" and any("<bndbox>" in text_of(tree, path) for path in sample[:3]):
        return "VOC boxes", f"boxes have no outlines: export masks or polygons, then run atrous doctor {root}"
    if suffix == ".json" and any(_has_only_boxes(tree.json(path)) for path in sample[:3]):
        return "COCO boxes", f"boxes have no outlines: export polygons or run lengths, then run atrous doctor {root}"
    if suffix == ".xml" and any("<track " in text_of(tree, path) for path in sample[:3]):
        return "CVAT for video", f"export as CVAT for images 1.1 or as COCO, then run atrous doctor {root}"
    if suffix == ".json" and (found := next(filter(None, map(_json_kind, map(tree.json, sample[:3]))), None)):
        return found[0], f"{found[1]}, then run atrous doctor {root}"
    if suffix == ".csv" and any(re.search(r"\b(xmin|bbox|x_?1|left)\b", _header(tree, path)) for path in sample[:3]):
        return "boxes in CSV", f"boxes have no outlines: export masks or polygons, then run atrous doctor {root}"
    if suffix == ".zip" and all("roi" in path.stem.lower() for path in sample[:3]):
        suffix = ".roi"
    remedy = _REMEDIES.get(suffix, "export the labels as COCO or as PNG masks")
    kinds = (_tool(tree, path) for path in sample[:3])
    return next(filter(None, kinds), _LABEL_FORMATS[suffix]), f"{remedy}, then run: atrous doctor {root}"


def _tool(tree: Tree, path: Path) -> str:
    """The tool whose form a JSON or XML file has by its content; empty where it has that of none."""
    content = tree.json(path) if path.suffix.lower() == ".json" else None
    if isinstance(content, dict) and "annotations" in content and {"images", "categories"} & content.keys():
        return "COCO"
    if isinstance(content, dict) and isinstance(content.get("shapes"), list):
        return "LabelMe"
    root = re.search(r"<(annotations?)>", text_of(tree, path)) if path.suffix.lower() == ".xml" else None
    return {"annotations": "CVAT XML", "annotation": "VOC XML"}[root[1]] if root else ""


def _json_kind(content: Any) -> tuple[str, str] | None:
    """The tool whose form a JSON file has, where another form of the same tool is read, and what to do."""
    if isinstance(content, dict) and "shapes" in content and "imagePath" in content:
        return (
            "LabelMe without its pictures",
            "put the pictures beside the files (labelme_export_json FILE writes them)",
        )
    if isinstance(content, dict) and {"project", "metadata", "view"} <= content.keys():
        return "a project of VIA 3", "annotate images with VIA 2, or export PNG masks"
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, dict) and "annotator" in first:
        return "Label Studio's JSON-MIN", "export JSON, which has the shapes' own sizes"
    return None


def _header(tree: Tree, path: Path) -> str:
    return text_of(tree, path).partition("\n")[0].lower()


def _has_only_boxes(content: Any) -> bool:
    """Return True if a COCO file has boxes and no outline."""
    annotations = content.get("annotations") if isinstance(content, dict) else None
    found = [one for one in annotations if isinstance(one, dict)] if isinstance(annotations, list) else []
    return any("bbox" in one for one in found) and not any(one.get("segmentation") for one in found)


def _have_numbers(tree: Tree, paths: Sequence[Path]) -> bool:
    """Return True if a text begins with a row of numbers, as those of YOLO do; texts of words are remarks."""
    rows = [text_of(tree, path).strip().partition("\n")[0].split() for path in paths[:_TEXTS]]
    return any(len(row) >= _LEAST_NUMBERS and all(map(_is_number, row)) for row in rows)


def _is_number(word: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", word) is not None


def _are_boxes(tree: Tree, paths: Sequence[Path]) -> bool:
    rows = [line.split() for path in paths[:3] for line in text_of(tree, path).splitlines() if line.strip()]
    return bool(rows) and all(len(row) in (5, 6) for row in rows)
