"""Label Studio's JSON export: polygons, rectangles, ellipses and brush strokes of every task.

Also its export of brush strokes as PNG, `task-1-annotation-1-by-1-tag-cat-0.png`, where `tag` is the name that the
labelling configuration gives its brush: these names tell the task, not the picture. They are paired by the JSON export
where it is there, otherwise only where the user asks for pairs by order.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from atrous.data.annotations.outlines import Brush, Drawing, Ellipse, MaskFile, Outline, Polygon, rectangle, ring
from atrous.data.formats.image_names import natural_key
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import Drawn, DrawnPictures, drawn_contents
from atrous.data.layouts.tree import UPLOAD_PREFIX, Tree

_TASK = re.compile(r"task-(\d+)-annotation-(\d+)-by-[\w@.]*-[^-]+-(.+)-(\d+)")
"""Task, annotation, who made it, name of the brush, label, number of the stroke."""
_HUNDRED = 100.0
"""Label Studio's coordinates are per cent of width and height."""


def label_studio(tree: Tree) -> Contents | None:
    """Pictures and the outlines of their tasks; None where there is no export.

    A task that nobody has annotated is no picture without objects: it is left out, and told. Of several annotations the
    one marked as ground truth counts, otherwise the first.
    """
    found = DrawnPictures(tree)
    used: list[Path] = []
    unlabelled = several = 0
    for path in tree.with_suffix(".json"):
        tasks = tree.json(path)
        if not _is_export(tasks):
            continue
        used.append(path)
        for task in tasks:
            annotations = _annotations(task) if _is_task(task) else [{}]
            several += len(annotations) > 1
            if not annotations:
                unlabelled += 1
                continue
            written = f"task {task.get('id')} ({task.get('data')!s:.120})" if _is_task(task) else f"task {task!r:.40}"
            image = _image(tree, task, near=path) if _is_task(task) else None
            found.add(image, path, partial(_drawing, annotations[0], path=tree.root / path), written=written)
    if unlabelled and not (found.drawn or found.faults):
        line = f"{tree.root / used[0]}: no task has an annotation; submit some in Label Studio and export again"
        return Contents("Label Studio", {}, faults=(("annotations", line),))
    notes = [f"left out: {unlabelled} tasks without an annotation, or skipped"] if unlabelled else []
    notes += [f"{several} tasks have several annotations; ground truth counts, or else the first"] if several else []
    return drawn_contents(tree, "Label Studio", found.drawn, used=used, notes=notes, faults=found.faults)


def brush_pictures(tree: Tree, *, by_order: bool) -> Contents | None:
    """Pictures with the brush PNGs of their tasks; None where no file is called as such.

    Args:
        tree: The files.
        by_order: Pair the n-th picture with the n-th task, which holds if the pictures were imported in that order.
    """
    found = {path: match for path in tree.pictures if (match := _TASK.fullmatch(path.stem))}
    if not found:
        return None
    annotations: dict[int, dict[int, list[Path]]] = {}
    for path in sorted(found, key=natural_key):
        task, annotation = int(found[path][1]), int(found[path][2])
        annotations.setdefault(task, {}).setdefault(annotation, []).append(path)
    tasks = {task: made[min(made)] for task, made in annotations.items()}
    images = [path for path in tree.pictures if path not in found]
    folder = next(iter(found)).parent
    if not by_order:
        line = (
            f"{tree.root / folder}: the names of Label Studio's brush PNGs tell tasks, not pictures: export JSON, too, "
            f"or pair {len(images)} pictures with {len(tasks)} tasks in their order: "
            f"atrous doctor {tree.root} --pair-by-order --fix"
        )
        return Contents("Label Studio brush PNGs", {}, faults=(("pairing", line),))
    if len(images) != len(tasks):
        line = f"{tree.root} has {len(images)} pictures but {len(tasks)} tasks; they cannot be paired by order"
        return Contents("Label Studio brush PNGs", {}, faults=(("pairing", line),))
    drawn = []
    for image, task in zip(images, sorted(tasks), strict=True):
        shapes = tuple((found[path][3], MaskFile(tree.root / path)) for path in tasks[task])
        drawn.append(Drawn(image, tasks[task][0].parent, Drawing(shapes)))
    notes = ["pictures and tasks pair by their order, as asked"]
    if unsure := next((path for path, match in found.items() if "-" in match[3]), None):
        notes.append(f"{unsure.name} is read as label {found[unsure][3]!r}; the JSON export tells labels for certain")
    if several := sum(len(made) > 1 for made in annotations.values()):
        notes.append(f"{several} tasks have several annotations; the first counts")
    return drawn_contents(tree, "Label Studio brush PNGs", drawn, used=[*found], notes=notes)


def _image(tree: Tree, task: dict[str, Any], *, near: Path) -> Path | None:
    """The picture of a task; uploads have eight hexadecimal digits and a dash before the name."""
    data = task.get("data")
    texts = [value for value in data.values() if isinstance(value, str)] if isinstance(data, dict) else []
    texts += [task["file_upload"]] if isinstance(task.get("file_upload"), str) else []
    for text in texts:
        url = urlsplit(text)
        query = parse_qs(url.query).get("d", [])
        for written in (*query, unquote(url.path), text):
            name = Path(written.replace("\\", "/")).name
            for candidate in (written, UPLOAD_PREFIX.sub("", name)):
                if candidate and (image := tree.find(candidate, near=near, pictures=True)):
                    return image
    return None


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Annotations that were not cancelled, ground truth first."""
    written = task.get("annotations", task.get("completions", []))
    made = written if isinstance(written, list) else []
    kept = [one for one in made if isinstance(one, dict) and not one.get("was_cancelled")]
    return sorted(kept, key=lambda one: not one.get("ground_truth"))


def _drawing(annotation: dict[str, Any], *, path: Path) -> Drawing:
    """The results of an annotation."""
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    size = None
    for item in annotation.get("result", []):
        value, kind = item.get("value"), str(item.get("type", ""))
        if not isinstance(value, dict):
            continue
        if "original_width" in item:
            size = int(item["original_height"]), int(item["original_width"])
        names = value.get(kind) or next((value[key] for key in value if key.endswith("labels")), None)
        outline = _outline(value, size=size, path=path)
        if outline is None or not isinstance(names, list) or not names:
            skipped[kind or "results"] = skipped.get(kind or "results", 0) + 1
        else:
            shapes.append((str(names[0]), outline))
    return Drawing(tuple(shapes), size, skipped or None)


def _outline(value: dict[str, Any], *, size: tuple[int, int] | None, path: Path) -> Outline | None:
    if "points" in value:
        return Polygon((ring(value["points"], path=path),), scale=_HUNDRED)
    if isinstance(value.get("rle"), list) and size is not None:
        return Brush(bytes(value["rle"]), size)
    if "radiusX" in value:
        center, radii = (value["x"], value["y"]), (value["radiusX"], value["radiusY"])
        return Ellipse(center, radii, turn=float(value.get("rotation", 0)), scale=_HUNDRED)
    if {"x", "y", "width", "height"} <= value.keys():
        left, top, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
        if value.get("rotation") and size is not None:
            return _turned(left, top, width, height, float(value["rotation"]), size=size)
        return rectangle(left, top, left + width, top + height, scale=_HUNDRED)
    return None


def _turned(left: float, top: float, width: float, height: float, degrees: float, *, size: tuple[int, int]) -> Polygon:
    """A rectangle turned about its upper left corner; angles are of pixels, not of shares."""
    factor = np.array([size[1], size[0]]) / _HUNDRED
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) * factor
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return Polygon((corners @ np.array([[cos, sin], [-sin, cos]]) + np.array([left, top]) * factor,))


def _is_export(tasks: Any) -> bool:
    return isinstance(tasks, list) and bool(tasks) and all(_is_task(task) for task in tasks[:20])


def _is_task(task: Any) -> bool:
    return isinstance(task, dict) and "data" in task and ("annotations" in task or "completions" in task)
