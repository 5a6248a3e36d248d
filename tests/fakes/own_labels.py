"""One tiny data set in every format in which users keep labels: the same pixels each time."""

import json
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image
from pycocotools import mask as cocotools

from fakes.published import noise, save

CLASSES = ("background", "cat", "dog")
COLORS = ((10, 0, 0), (0, 200, 0), (0, 0, 30))
NAMES = ("a", "b", "c")
SIZE = (12, 16)


def boxes(index: int) -> dict[str, tuple[int, int, int, int]]:
    """The rectangles of a picture by class: left, top, right, bottom."""
    return {"cat": (1 + index, 2, 6 + index, 7), "dog": (8, 4 + index, 15, 9 + index)}


def labels(index: int) -> np.ndarray:
    """The class ids that every format must give."""
    ids = np.zeros(SIZE, np.uint8)
    for name, (left, top, right, bottom) in boxes(index).items():
        ids[top:bottom, left:right] = CLASSES.index(name)
    return ids


def ring(box: tuple[int, int, int, int]) -> list[list[float]]:
    """The corners of a box as a polygon."""
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _images(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for name in NAMES:
        save(noise(generator, SIZE), folder / f"images/{name}.png")


def _schema(folder: Path, extra: str = "") -> None:
    (folder / "schema.toml").write_text(f"classes = {json.dumps(CLASSES)}\n{extra}")


def index_png(folder: Path) -> None:
    """Grey values that are the class ids."""
    _images(folder)
    for index, name in enumerate(NAMES):
        save(Image.fromarray(labels(index)), folder / f"masks/{name}.png")


def palette_png(folder: Path) -> None:
    """Palette indices that are the class ids, under colours that say otherwise."""
    _images(folder)
    for index, name in enumerate(NAMES):
        mask = Image.fromarray(labels(index))
        mask.putpalette([2, 2, 2, 0, 0, 0, 1, 1, 1])
        save(mask, folder / f"masks/{name}.png")


def color_png(folder: Path) -> None:
    """RGB colours of the schema."""
    _images(folder)
    _schema(folder, f"colors = {json.dumps(COLORS)}\n")
    for index, name in enumerate(NAMES):
        save(Image.fromarray(np.array(COLORS, np.uint8)[labels(index)]), folder / f"masks/{name}.png")


def spread_png(folder: Path) -> None:
    """0, 128 and 255, as painted to be seen."""
    _images(folder)
    _schema(folder, "[remap]\n0 = 0\n128 = 1\n255 = 2\n")
    for index, name in enumerate(NAMES):
        save(Image.fromarray(np.array([0, 128, 255], np.uint8)[labels(index)]), folder / f"masks/{name}.png")


def matlab(folder: Path) -> None:
    """A matrix of doubles beside other things, as MATLAB saves by default."""
    _images(folder)
    (folder / "masks").mkdir()
    for index, name in enumerate(NAMES):
        content = {"labels": labels(index).astype(float), "author": "me", "scale": 1.0}
        scipy.io.savemat(folder / f"masks/{name}.mat", content, do_compression=index == 1, format="5")


def labelme_shapes(index: int) -> list[dict]:
    """A polygon and a rectangle."""
    cat, dog = boxes(index).values()
    return [
        {"label": "cat", "points": ring(cat), "shape_type": "polygon", "group_id": None, "flags": {}},
        {"label": "dog", "points": [[dog[2], dog[1]], [dog[0], dog[3]]], "shape_type": "rectangle"},
    ]


def labelme(folder: Path) -> None:
    """A JSON per picture in `masks/`."""
    _images(folder)
    (folder / "masks").mkdir()
    for index, name in enumerate(NAMES):
        write_labelme(folder / f"masks/{name}.json", labelme_shapes(index))


def labelme_beside(folder: Path) -> None:
    """A JSON beside each picture, as LabelMe leaves them."""
    _images(folder)
    for index, name in enumerate(NAMES):
        write_labelme(folder / f"images/{name}.json", labelme_shapes(index))


def write_labelme(path: Path, shapes: list[dict], **changes: object) -> None:
    """A LabelMe file with these shapes."""
    content = {
        "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{path.stem}.png", "imageData": None,
        "imageHeight": SIZE[0], "imageWidth": SIZE[1],
    }  # fmt: skip
    path.write_text(json.dumps(content | changes))


def instance_folders(folder: Path) -> None:
    """masks/a/cat/1.png: a folder per class; an instance in two halves."""
    _images(folder)
    for index, name in enumerate(NAMES):
        for label, (left, top, right, bottom) in boxes(index).items():
            for half, columns in enumerate((slice(left, left + 2), slice(left + 2, right))):
                mask = np.zeros(SIZE, np.uint8)
                mask[top:bottom, columns] = 255
                save(Image.fromarray(mask), folder / f"masks/{name}/{label}/{half}.png")


def instance_files(folder: Path) -> None:
    """masks/a/cat_1.png: the class in the name."""
    _images(folder)
    for index, name in enumerate(NAMES):
        for label, (left, top, right, bottom) in boxes(index).items():
            mask = np.zeros(SIZE, bool)
            mask[top:bottom, left:right] = True
            save(Image.fromarray(mask), folder / f"masks/{name}/{label}_{index}.png")


def coco(folder: Path) -> None:
    """annotations.json with polygons in two parts, run lengths, and compressed ones, picture by picture."""
    _images(folder)
    annotations = []
    for index in range(len(NAMES)):
        for label, box in boxes(index).items():
            segmentation = (coco_polygons, coco_runs, coco_compressed)[index](box)
            number = len(annotations) + 1
            annotations.append(
                {"id": number, "image_id": index + 7, "category_id": {"cat": 17, "dog": 3}[label],
                 "segmentation": segmentation, "iscrowd": 0, "area": 1.5, "bbox": [0, 0, 1, 1]}
            )  # fmt: skip
    write_coco(folder / "annotations.json", annotations)


def write_coco(path: Path, annotations: list[dict], /, **changes: object) -> None:
    """An annotation file of the three pictures with these annotations."""
    content = {
        "info": {}, "licenses": [], "annotations": annotations,
        "categories": [{"id": 17, "name": "cat"}, {"id": 3, "name": "dog", "supercategory": "animal"}],
        "images": [
            {"id": index + 7, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
            for index, name in enumerate(NAMES)
        ],
    }  # fmt: skip
    path.write_text(json.dumps(content | changes))


def coco_polygons(box: tuple[int, int, int, int]) -> list[list[float]]:
    """A box as two polygons that touch."""
    left, top, right, bottom = box
    halves = (left, top, left + 2, bottom), (left + 2, top, right, bottom)
    return [[number for point in ring(half) for number in point] for half in halves]


def coco_runs(box: tuple[int, int, int, int]) -> dict:
    """A box as run lengths, counted one by one."""
    left, top, right, bottom = box
    flat = [top <= row < bottom and left <= column < right for column in range(SIZE[1]) for row in range(SIZE[0])]
    counts, value = [0], False
    for inside in flat:
        if inside != value:
            counts.append(0)
            value = inside
        counts[-1] += 1
    return {"counts": counts, "size": list(SIZE)}


def coco_compressed(box: tuple[int, int, int, int]) -> dict:
    """A box as pycocotools compresses it."""
    left, top, right, bottom = box
    mask = np.zeros(SIZE, np.uint8, order="F")
    mask[top:bottom, left:right] = 1
    return {"counts": cocotools.encode(mask)["counts"].decode(), "size": list(SIZE)}


FORMATS = {
    fake.__name__: fake
    for fake in (
        index_png, palette_png, color_png, spread_png, matlab, labelme, labelme_beside, instance_folders,
        instance_files, coco,
    )
}  # fmt: skip
NAMED = ("labelme", "labelme_beside", "instance_folders", "instance_files", "coco")
"""Formats that name their classes."""
