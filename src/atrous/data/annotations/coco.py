"""Annotations in COCO's JSON: the shapes of every picture.

A segmentation is a list of polygons (the parts of one instance), run lengths, or COCO's compressed string of them. On
one picture larger instances are painted before smaller ones, so that a cup stays visible on its table; crowds
(`iscrowd`) are ignored where no instance is over them. Tools that mark every mask of run lengths as a crowd, such as
CVAT and Datumaro, mean its class by it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.named_shapes import class_of, uncovered
from atrous.data.annotations.regions import Region, decode_runs, polygon_region, runs_region
from atrous.data.formats.json_files import objects, picture_size, points, read_object, text, whole
from atrous.data.pairs import Pair, check_declared_size
from atrous.data.schema import Schema, mask_dtype
from atrous.errors import InputError
from atrous.sizes import Size

_LICENCES_OF_DATUMARO = [{"name": "", "id": 0, "url": ""}]


@dataclass(frozen=True)
class Annotation:
    """One instance, or a crowd, as the file has it.

    Attributes:
        number: Its `id`, or its place in the file where it has none, for messages.
        category: Name of its category.
        crowd: True for a crowd: a region whose instances were not separated.
        area: In pixels, as the file states it; 0 where it does not, or not as a number.
        segmentation: Not looked at until it is painted.
    """

    number: str
    category: str
    crowd: bool
    area: float
    segmentation: Any


@dataclass(frozen=True)
class CocoImage:
    """A picture of the file and its annotations."""

    file: PurePosixPath
    size: Size
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True)
class CocoFile:
    """The content of an annotation file.

    Attributes:
        path: The file.
        categories: Names in the order of their ids.
        pictures: By their file's name without suffix, in the order of the file.
        left_out: Line about annotations without an outline; empty if there are none.
        of_datumaro: True if the file begins as Datumaro writes it, with which CVAT exports.
    """

    path: Path
    categories: tuple[str, ...]
    pictures: Mapping[str, CocoImage]
    left_out: str = ""
    of_datumaro: bool = False


@dataclass(frozen=True)
class CocoLabels:
    """Reads the class ids of pairs whose masks are in an annotation file.

    Attributes:
        pictures: By the name of the pair.
        classes: Name of a category -> name of its class; categories that are missing are not painted. None: the
            classes are the categories.
    """

    pictures: Mapping[str, CocoImage]
    classes: Mapping[str, str] | None = None

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of one picture; raises InputError where an annotation makes no sense."""
        picture = self.pictures[pair.name]
        check_declared_size(pair, picture.size)
        labels = np.full(picture.size, uncovered(schema), mask_dtype(schema.labels))
        painted: list[tuple[bool, int, int, list[Region]]] = []
        for annotation in picture.annotations:
            name = annotation.category if self.classes is None else self.classes.get(annotation.category)
            if name is not None:
                try:
                    label = schema.labels.ignore if annotation.crowd else class_of(name, schema=schema)
                    regions = _regions(annotation.segmentation, size=picture.size)
                except ValueError as error:
                    raise InputError(f"{pair.mask}: annotation {annotation.number} ({pair.name}): {error}") from error
                painted.append((annotation.crowd, sum(region.pixels for region in regions), label, regions))
        for _, _, label, regions in sorted(painted, key=lambda item: (not item[0], -item[1])):
            for region in regions:
                region.paint(labels, value=label)
        return labels

    def names(self, pair: Pair) -> Set[str]:
        """The categories that lie on a picture."""
        return {annotation.category for annotation in self.pictures[pair.name].annotations}


def read_coco(path: Path) -> CocoFile:
    """Read an annotation file of instances.

    Raises:
        InputError: If it is not JSON, not COCO's, or its parts do not fit together.
    """
    content = with_lists(read_object(path))
    try:
        categories = {whole(item, "id"): text(item, "name") for item in _table(content, "categories")}
        annotations: dict[int, list[Annotation]] = defaultdict(list)
        bare: list[str] = []
        for place, item in enumerate(_table(content, "annotations")):
            annotation = _annotation(item, place=place, categories=categories)
            if _has_outline(annotation.segmentation):
                annotations[whole(item, "image_id")].append(annotation)
            else:
                bare.append(annotation.number)
        if bare and not annotations:
            raise ValueError("no annotation has an outline; annotate masks, not only boxes")
        images = {whole(item, "id"): item for item in _table(content, "images")}
        if strays := annotations.keys() - images.keys():
            raise ValueError(f"annotations of image {min(strays)}, which is not among the images")
        pictures = {number: _picture(item, annotations.get(number, [])) for number, item in images.items()}
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path}: {error}; export the annotations again") from error
    by_name: dict[str, CocoImage] = {}
    for picture in pictures.values():
        name = picture.file.with_suffix("").as_posix()
        if name in by_name:
            raise InputError(f"{path}: two images are called {name}; rename one and export the annotations again")
        by_name[name] = picture
    left_out = ""
    if bare:
        shown = f"{len(bare)} annotations without an outline (boxes, points or lines), such as {bare[0]}"
        left_out = f"{path.name}: left out: {shown}"
    names = tuple(name for _, name in sorted(categories.items()))
    return CocoFile(path, names, by_name, left_out, of_datumaro=content.get("licenses") == _LICENCES_OF_DATUMARO)


def crowds_decided(files: Mapping[Path, CocoFile]) -> tuple[dict[Path, CocoFile], list[str]]:
    """Decide what the crowds of a data set mean, alike for all of its files.

    In COCO itself about one annotation in a hundred is a crowd, whose outline is coarse: it is ignored. Where Datumaro
    wrote a file, or most annotations are crowds, they are masks, which count as their class.

    Args:
        files: Files by their path below the data set's folder, as they were read.

    Returns:
        The files, in which annotations are crowds only if they are ignored, and a note if there are any.
    """
    drawn = [annotation for file in files.values() for one in file.pictures.values() for annotation in one.annotations]
    crowds = sum(annotation.crowd for annotation in drawn)
    if not crowds:
        return {**files}, []
    counted = f"{crowds} of {len(drawn)} annotations have iscrowd = 1"
    if not any(file.of_datumaro for file in files.values()) and 2 * crowds <= len(drawn):
        return {**files}, [f"{counted}: crowds, which are ignored; if they are masks of their class, write 0 there"]
    return {path: _without_crowds(file) for path, file in files.items()}, [f"{counted}: read as masks of their class"]


def _without_crowds(file: CocoFile) -> CocoFile:
    pictures = {
        name: replace(one, annotations=tuple(replace(annotation, crowd=False) for annotation in one.annotations))
        for name, one in file.pictures.items()
    }
    return replace(file, pictures=pictures)


def with_lists(content: Any) -> Any:
    """The content of a COCO file whose images, annotations or categories may be objects by their id, as lists.

    The key is the id of what states none; a text is the name of a category.
    """
    if not isinstance(content, dict):
        return content
    tables = {name: content.get(name) for name in ("images", "annotations", "categories")}
    by_id = {name: table for name, table in tables.items() if isinstance(table, dict) and table}
    return content | {name: [_with_id(key, one) for key, one in table.items()] for name, table in by_id.items()}


def _with_id(key: str, item: Any) -> Any:
    item = {"name": item} if isinstance(item, str) else item
    return {"id": key, **item} if isinstance(item, dict) else item


def _table(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return objects(content.get(name), name=name)


def _annotation(item: dict[str, Any], *, place: int, categories: Mapping[int, str]) -> Annotation:
    number = f"{item.get('id', f'in place {place}')!s:.40}"
    category = categories.get(whole(item, "category_id"))
    if category is None:
        raise ValueError(f"annotation {number}: no category has the id {item['category_id']}")
    return Annotation(
        number=number,
        category=category,
        crowd=item.get("iscrowd", 0) == 1,
        area=_area(item.get("area")),
        segmentation=item.get("segmentation"),
    )


def _area(value: Any) -> float:
    if type(value) not in (int, float):  # nothing, null or text: only pictures of VOC's classes are chosen by it
        return 0.0
    if not 0 <= value < 2**53:
        raise ValueError(f"area: expected a number of pixels, found {value!r:.40}")
    return float(value)


def _has_outline(segmentation: Any) -> bool:
    """Return False for nothing, and for points and lines of two points alone."""
    if isinstance(segmentation, list):
        return _is_flat(segmentation) or not all(map(_is_short, segmentation))
    return segmentation is not None and segmentation != {}


def _is_short(part: Any) -> bool:
    """Return True for a polygon of one or two points."""
    numbers = isinstance(part, list) and all(type(number) in (int, float) for number in part)
    return part == [] or (numbers and len(part) in (2, 4))


def _is_flat(segmentation: Sequence[Any]) -> bool:
    """Return True for one polygon where a list of them is usual."""
    return len(segmentation) >= 6 and all(type(number) in (int, float) for number in segmentation)


def _picture(item: dict[str, Any], annotations: list[Annotation]) -> CocoImage:
    file = PurePosixPath(text(item, "file_name").replace("\\", "/"))
    below = PurePosixPath(*(part for part in file.parts if part not in ("/", "..") and not part.endswith(":")))
    if not below.name:
        raise ValueError(f"file_name {str(file)!r:.80} is not a file below the folder of images")
    return CocoImage(below, picture_size(item, height="height", width="width"), tuple(annotations))


def _regions(segmentation: Any, *, size: Size) -> list[Region]:
    """The parts of an instance."""
    match segmentation:
        case [_, *_]:
            parts = [segmentation] if _is_flat(segmentation) else [part for part in segmentation if not _is_short(part)]
            return [polygon_region(points(part, name="segmentation"), size=size) for part in parts]
        case {"counts": str() as counts, "size": list() as stated}:
            runs = decode_runs(counts)
        case {"counts": list() as counts, "size": list() as stated} if all(type(run) is int for run in counts):
            runs = counts
        case _:
            raise ValueError("segmentation is neither polygons nor run lengths; annotate masks, not only boxes")
    if stated != list(size):
        raise ValueError(f"run lengths for a picture of {stated!r:.40}, but the image is {list(size)} (height, width)")
    if any(abs(run) > size[0] * size[1] for run in runs):
        raise ValueError("run lengths larger than the picture")
    return [runs_region(runs, size=size)]
