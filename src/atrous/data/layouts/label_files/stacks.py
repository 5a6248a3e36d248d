"""Stacks of pictures and of masks in NumPy's files.

images.npy masks.npy              X_train.npy y_train.npy X_test.npy y_test.npy
train.npz: images, masks          data.npz: x_train, y_train, x_val, y_val
case_01.npz: image, label         a picture and its mask in each of many files
images/a.npy masks/a.npy          a picture and its mask in two files of one name
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from jaxtyping import Integer
from PIL import Image

from atrous.data.formats.arrays import opened_arrays
from atrous.data.formats.images import MAX_PIXELS
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.unpacked import Item, Source, unpacked_contents
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import meaning
from atrous.errors import InputError

_MOST_BYTES = 2**33
_LAYOUT, _SAMPLES = "stacks of arrays", "arrays of a picture and its mask"
_ROLES = ("image", "mask")


@dataclass(frozen=True)
class _Stack:
    """An array: its file and key, and what its name says."""

    path: Path
    key: str
    role: str
    split: str


def stacks(tree: Tree) -> Contents | None:
    """Pairs of arrays that are called after pictures and masks; None where there are none."""
    if samples := dict(_samples_of_archives(tree)) or dict(_samples_of_files(tree)):
        used = tuple(dict.fromkeys(array.path for arrays in samples.values() for array in arrays.values()))
        return unpacked_contents(tree, Source(_SAMPLES, used, lambda: _unpacked(tree, samples)))
    found = [stack for path in tree.with_suffix(".npy", ".npz") for stack in _stacks(tree, path)]
    groups: dict[tuple[Path, str], dict[str, _Stack]] = {}
    for stack in found:
        group = groups.setdefault((stack.path.parent, stack.split), {})
        if stack.role in group:
            both = f"{tree.root / group[stack.role].path} ({group[stack.role].key}) and {stack.path} ({stack.key})"
            line = f"{both} both hold {stack.role}s of the same split; join them, or move one away"
            return Contents(_LAYOUT, {}, faults=(("two kinds of masks", line),))
        group[stack.role] = stack
    pairs = {key: group for key, group in groups.items() if {"image", "mask"} <= group.keys()}
    if not pairs:
        return None
    files = tuple(dict.fromkeys(stack.path for group in pairs.values() for stack in group.values()))
    several = len(pairs) > len({split for _, split in pairs})

    def items() -> Iterator[tuple[str, str, bytes, bytes]]:
        white = max(
            _white(_load(tree, group["image"]), path=tree.root / group["image"].path) for group in pairs.values()
        )
        for (folder, split), group in pairs.items():
            images, masks = (_load(tree, group[role]) for role in ("image", "mask"))
            where = tree.root / group["mask"].path
            images, masks = _channels_last(images, path=tree.root / group["image"].path), _masks(masks, path=where)
            if images.shape[:3] != masks.shape:
                shapes = f"{_shown(images.shape)} and {_shown(masks.shape)}"
                raise InputError(f"{where}: pictures and masks are {shapes}; save as many masks of the same size")
            for number in range(len(images)):
                name = f"{'-'.join(folder.parts)}-{number:06}" if several and folder.parts else f"{number:06}"
                yield name, split, _png(_eight_bits(images[number], white=white)), _png(masks[number])

    return unpacked_contents(tree, Source(_LAYOUT, files, items))


def _samples_of_archives(tree: Tree) -> Iterator[tuple[str, dict[str, _Stack]]]:
    """Names and arrays of `.npz` files that hold one picture and its mask each."""
    for path in tree.with_suffix(".npz"):
        shapes = _shapes_of(tree, path)
        words = {key: meaning(key) for key in shapes}
        roles = {word.role: key for key, word in words.items() if word.role and not word.second}
        if _fit(*(shapes.get(roles.get(role, ""), ()) for role in _ROLES)):
            split = next(filter(None, (meaning(part).split for part in path.with_suffix("").parts)), "")
            name = "-".join(path.with_suffix("").parts)
            yield name, {role: _Stack(path, roles[role], role, split) for role in _ROLES}


def _samples_of_files(tree: Tree) -> Iterator[tuple[str, dict[str, _Stack]]]:
    """Names and arrays of pairs of `.npy` files of one name, in folders that say which are pictures and which masks."""
    pairs: dict[tuple[str, ...], dict[str, _Stack]] = {}
    for path in tree.with_suffix(".npy"):
        words = [meaning(part) for part in path.parent.parts]
        role = next((word.role for word in reversed(words) if word.role and not word.second), "")
        split = next(filter(None, (word.split for word in words)), "")
        others = (part for part, word in zip(path.parent.parts, words, strict=True) if not (word.role or word.split))
        if role:
            pairs.setdefault((split, *others, path.stem), {})[role] = _Stack(path, path.stem, role, split)
    for key, arrays in pairs.items():
        files = [arrays[role].path for role in _ROLES if role in arrays]
        if len(files) == len(_ROLES) and _fit(*(_shapes_of(tree, path).get(path.stem, ()) for path in files)):
            yield "-".join(filter(None, key)), arrays


def _fit(image: tuple[int, ...], mask: tuple[int, ...]) -> bool:
    """Return True for the shapes of a picture, channels first, last or none, and of a mask of the same size."""
    return len(mask) == 2 and len(image) in (2, 3) and mask in (image[:2], image[1:])


def _unpacked(tree: Tree, samples: Mapping[str, Mapping[str, _Stack]]) -> Iterator[Item]:
    """The samples of files that hold one each."""
    white = max(_white(_load(tree, one["image"]), path=tree.root / one["image"].path) for one in samples.values())
    for name, arrays in samples.items():
        image, mask = (_load(tree, arrays[role])[None] for role in _ROLES)
        (picture,) = _channels_last(image, path=tree.root / arrays["image"].path)
        (ids,) = _masks(mask, path=tree.root / arrays["mask"].path)
        yield name, arrays["image"].split, _png(_eight_bits(picture, white=white)), _png(ids)


def _stacks(tree: Tree, path: Path) -> list[_Stack]:
    """The arrays of a file of four or three axes whose names say what they are."""
    places = [meaning(part).split for part in path.parent.parts]
    around = next((split for split in places if split), "")
    found = []
    for key, shape in _shapes_of(tree, path).items():
        word = meaning(key)
        if word.role and not word.second and len(shape) in (3, 4) and shape[0] > 1:
            split = word.split or meaning(path.stem).split or around
            found.append(_Stack(path, key, word.role, split))
    return found


def _shapes_of(tree: Tree, path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of a file by their names, that of an `.npy` by the file's; none if it cannot be read.

    Such a file is left over, which is reported.
    """
    try:
        with opened_arrays(tree.root / path) as found:
            return {path.stem: found.shape} if isinstance(found, np.ndarray) else _shapes(found)
    except InputError:
        return {}


def _shapes(archive: np.lib.npyio.NpzFile) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of an `.npz`, by their headers."""
    shapes: dict[str, tuple[int, ...]] = {}
    for key in archive.files:
        assert archive.zip is not None  # it is open
        with archive.zip.open(f"{key}.npy") as file:
            first = np.lib.format.read_magic(file) == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, kind = read(file)
            if prod(shape) * kind.itemsize <= _MOST_BYTES and kind.kind in "uifb":
                shapes[key] = shape
    return shapes


def _load(tree: Tree, stack: _Stack) -> np.ndarray:
    path = tree.root / stack.path
    with opened_arrays(path) as found:
        values = found if isinstance(found, np.ndarray) else found[stack.key]
    if (
        not values.size
        or values.nbytes > _MOST_BYTES
        or values.dtype.kind not in "uifb"
        or values[0].size > 4 * MAX_PIXELS
    ):
        raise InputError(
            f"{path} holds an array of {_shown(values.shape)} ({values.dtype}); save pictures and class ids"
        )
    return values


def _white(values: np.ndarray, *, path: Path) -> float:
    """The number that is white in a stack: 1 in floating point, 255 or 65535 by the largest number."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):
        raise InputError(
            f"{path} holds values from {low:g} to {high:g}; save pictures as 0..255, or 0..1 in floating point"
        )
    return 1.0 if values.dtype.kind == "f" and high <= 1 else 255.0 if high <= 255 else 65535.0


def _eight_bits(picture: np.ndarray, *, white: float) -> np.ndarray:
    """A picture of 0..255; one of 16 bits and one channel keeps them, as a range may be declared for it."""
    if picture.dtype == np.uint8 or (picture.ndim == 2 and picture.dtype == np.uint16 and white > 255):
        return picture
    return np.rint(picture * (255.0 / white)).astype(np.uint8)


def _channels_last(values: np.ndarray, *, path: Path) -> np.ndarray:
    """Pictures of shape [n, h, w] or [n, h, w, 3]."""
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] not in (1, 3):
        values = np.moveaxis(values, 1, 3)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim == 4 and values.shape[3] != 3:
        raise InputError(f"{path} holds pictures of {values.shape[3]} channels; save one or three")
    return values


def _masks(values: np.ndarray, *, path: Path) -> Integer[np.ndarray, "n h w"]:
    """Class ids of shape [n, h, w]."""
    if values.ndim == 4 and 1 in (values.shape[1], values.shape[3]):
        values = values[..., 0] if values.shape[3] == 1 else values[:, 0]
    if values.ndim == 4:
        axis = min((1, 3), key=lambda place: values.shape[place])
        planes = np.asarray(values) != 0
        if not (planes.sum(axis=axis) == 1).all():
            raise InputError(f"{path}: not exactly one plane of a mask is set at every pixel; save class ids")
        return planes.argmax(axis=axis).astype(np.uint16)
    if not ((values >= 0) & (values <= 65535)).all() or (values.dtype.kind == "f" and (values % 1).any()):
        raise InputError(f"{path} holds values outside the integers 0..65535; save class ids as uint8 or uint16")
    return values.astype(np.uint16)


def _png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(buffer, "PNG")
    return buffer.getvalue()


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
