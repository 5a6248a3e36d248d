"""The masks of a user's folder, in any of the formats that are read.

masks/a.png             numbers, palette indices, or the schema's colours
masks/a.mat             a MATLAB matrix of numbers; see `data/formats/matlab.py`
masks/a.json            LabelMe; see `data/annotations/labelme.py`; also beside the pictures: images/a.json
masks/a/...             one picture per instance; see `data/annotations/instance_masks.py`
annotations.json        COCO, one file for all pictures, in place of masks/; see `data/annotations/coco.py`

Masks of several formats may lie in one folder, where a schema names the classes.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.coco import CocoLabels, crowds_decided, read_coco
from atrous.data.annotations.instance_masks import instance_names, read_instances
from atrous.data.annotations.labelme import labelme_names, read_labelme
from atrous.data.complaints import complain, remark
from atrous.data.formats.arrays import read_array
from atrous.data.formats.image_names import natural_key
from atrous.data.formats.images import IMAGE_SUFFIXES, read_labels, read_mask
from atrous.data.formats.matlab import read_mat
from atrous.data.pairs import Pair, background_ids, mask_ids
from atrous.data.schema import Schema, apply_schema
from atrous.errors import InputError

ANNOTATIONS = "annotations.json"
ARRAY_SUFFIXES = frozenset({".mat", ".npy", ".npz"})
_OTHER_SUFFIXES = frozenset({".mat", ".json"})


@runtime_checkable
class NamingReader(Protocol):
    """A reader of labels that can tell which classes a mask names."""

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of a pair; raises InputError where its mask is bad."""
        ...

    def names(self, pair: Pair) -> Set[str] | None:
        """The classes that the mask names; None where it holds numbers or colours."""
        ...


@dataclass(frozen=True)
class MaskFiles:
    """Reads a mask by what it is: a folder, or a file of this suffix."""

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of a pair; raises InputError where its mask is bad."""
        if not pair.has_mask:
            ids = background_ids(pair, schema)
            return ids if pair.ignore is None else _within(ids, pair.ignore, ignore=schema.labels.ignore)
        if pair.mask.is_dir():
            return read_instances(pair.mask, schema=schema)
        match pair.mask.suffix.lower():
            case ".json":
                return read_labelme(pair, schema=schema)
            case ".mat" | ".npy" | ".npz":
                ids = apply_schema(read_values(pair.mask), schema=schema, path=pair.mask)
            case _:
                ids = mask_ids(pair, schema)
        return ids if pair.ignore is None else _within(ids, pair.ignore, ignore=schema.labels.ignore)

    def names(self, pair: Pair) -> Set[str] | None:
        """The classes that the mask names; None where it holds numbers or colours."""
        if pair.mask.is_dir():
            return instance_names(pair.mask)
        return labelme_names(pair.mask) if pair.mask.suffix.lower() == ".json" else None


def has_masks(folder: Path) -> bool:
    """Return True if a folder has pictures and masks of some format."""
    images = folder / "images"
    beside = (folder / "masks").is_dir() or (folder / ANNOTATIONS).is_file()
    return images.is_dir() and (beside or any(images.rglob("*.json")))


def find_images(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their path in `images/` without suffix; raises InputError as `find_masks`."""
    images = folder / "images"
    return _files(images, suffixes=IMAGE_SUFFIXES, besides=frozenset({".json"}))


def find_masks(folder: Path, *, images: Mapping[str, Path]) -> tuple[dict[str, Path], NamingReader]:
    """The masks of a folder by the names that the pictures have, and what reads them.

    Raises:
        InputError: If there are masks of two kinds, a file is no mask, two have one name, or annotations are bad.
    """
    masks, annotations = folder / "masks", folder / ANNOTATIONS
    if masks.is_dir() and annotations.is_file():
        complain(f"{folder} has both masks and {ANNOTATIONS}; move one of them away", kind="two kinds of masks")
    elif annotations.is_file():
        files, notes = crowds_decided({annotations: read_coco(annotations)})
        file = files[annotations]
        for note in filter(None, (file.left_out, *(f"{annotations}: {note}" for note in notes))):
            remark(note, kind="annotations")
        return dict.fromkeys(file.pictures, annotations), CocoLabels(file.pictures)
    if not masks.is_dir():
        return _files(folder / "images", suffixes=frozenset({".json"}), besides=IMAGE_SUFFIXES), MaskFiles()
    instances = {key: masks / key for key in images if (masks / key).is_dir()}
    files = _files(masks, suffixes=IMAGE_SUFFIXES | _OTHER_SUFFIXES, without=frozenset(instances.values()))
    for key in sorted(files.keys() & instances.keys()):
        complain(f"{files[key]} and the folder {instances[key]} are both masks; remove one", kind="same name")
    return files | instances, MaskFiles()


def read_numbers_or_colors(path: Path) -> Integer[np.ndarray, "h w *c"]:
    """The numbers of a mask, or the colours of an RGB picture that is not grey; raises InputError as `read_mask`."""
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return read_values(path)
    values = read_mask(path)
    return values[..., 0] if values.ndim == 3 and not (values != values[..., :1]).any() else values


def read_values(path: Path) -> Integer[np.ndarray, "h w"]:
    """The numbers of a mask that holds numbers; raises InputError as `read_labels` and `read_mat`."""
    if path.suffix.lower() in (".npy", ".npz"):
        return read_array(path)
    return read_mat(path) if path.suffix.lower() == ".mat" else read_labels(path)


def _within(ids: Integer[np.ndarray, "h w"], path: Path, *, ignore: int) -> Integer[np.ndarray, "h w"]:
    """The class ids, ignored where a second mask is 0."""
    field = read_labels(path)
    if field.shape != ids.shape:
        raise InputError(f"{path} is not of the size of the mask that it belongs to; correct it")
    return np.where(field == 0, np.asarray(ignore, ids.dtype), ids)


def _files(
    folder: Path,
    *,
    suffixes: Set[str],
    besides: Set[str] = frozenset(),
    without: Set[Path] = frozenset(),
) -> dict[str, Path]:
    """Files of these suffixes by relative path without suffix, in natural order; `besides` may lie among them."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*"), key=natural_key):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts) or without & {path, *path.parents}:
            continue
        if path.is_dir():
            if path.is_symlink():
                complain(f"{path} is a link to a folder, which is not searched; put the files there", kind="link")
            continue
        if path.suffix.lower() in besides:
            continue
        if path.suffix.lower() not in suffixes:
            known = ", ".join(sorted(suffixes))
            arrays = "; save arrays as PNG, or all of them as images.npy and masks.npy" * (path.suffix == ".npy")
            complain(f"{path} is not a picture ({known}); move it out of {folder}{arrays}", kind="not a picture")
            continue
        key = relative.with_suffix("").as_posix()
        if key in found:
            line = f"{found[key]} and {path} have the same name without suffix; rename or remove one"
            complain(line, kind="same name")
            continue
        found[key] = path
    if not found and not without:
        complain(f"{folder} is empty; put the {folder.name} there", kind="no pictures")
    return found
