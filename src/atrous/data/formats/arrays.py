"""Label maps in NumPy's files: class ids, or one plane for each class."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.formats.decoding import decoding
from atrous.data.formats.images import MAX_PIXELS
from atrous.errors import InputError

_MOST_PLANES = 1024


@contextmanager
def opened_arrays(path: Path) -> Iterator[np.ndarray | np.lib.npyio.NpzFile]:
    """Open an `.npy`, mapped into memory, or an `.npz`, by its first bytes; pickled objects are never read.

    Raises:
        InputError: If the file is damaged, also where that shows only inside the block.
    """
    with decoding(path), path.open("rb") as file:
        if file.read(2) == b"PK":
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                yield archive
        else:
            yield np.load(path, mmap_mode="r", allow_pickle=False)


def read_array(path: Path) -> Integer[np.ndarray, "h w"]:
    """The label map of an `.npy` or `.npz` file.

    An array of three axes is taken as one plane for each class, first or last, of which exactly one is set at every
    pixel. An `.npz` holds one array of two or three axes. Pickled objects are never read.

    Returns:
        uint8, or uint16 where values exceed 255.

    Raises:
        InputError: If the file is damaged, holds several arrays or objects, or no integers 0..65535.
    """
    with opened_arrays(path) as found:
        values: Any = found
        if isinstance(found, np.lib.npyio.NpzFile):
            if len(found.files) != 1:
                raise InputError(f"{path} holds {', '.join(found.files)!s:.200}; save the label map as the only array")
            values = found[found.files[0]]
    if not isinstance(values, np.ndarray):
        raise InputError(f"{path} holds no array; save the label map with numpy.save")
    return _labels(values, path=path)


def _labels(values: np.ndarray, *, path: Path) -> Integer[np.ndarray, "h w"]:
    values = np.squeeze(values) if values.ndim > 2 else values
    if values.size > MAX_PIXELS * 4 or values.dtype.kind not in "uifb" or values.ndim not in (2, 3) or not values.size:
        shape = " x ".join(map(str, values.shape))
        raise InputError(
            f"{path} holds an array of {shape} ({values.dtype}); a label map is height x width, of integers"
        )
    if values.ndim == 3:
        values = _of_planes(np.asarray(values), path=path)
    if not ((values >= 0) & (values <= 65535)).all() or (values.dtype.kind == "f" and (values % 1).any()):
        raise InputError(f"{path} holds values outside the integers 0..65535; save class ids as uint8 or uint16")
    return np.ascontiguousarray(values, np.uint8 if values.max() <= 255 else np.uint16)


def _of_planes(values: np.ndarray, *, path: Path) -> Integer[np.ndarray, "h w"]:
    """The class whose plane is set."""
    for axis in sorted((0, 2), key=lambda axis: values.shape[axis]):
        set_planes = values != 0
        if values.shape[axis] <= _MOST_PLANES and (set_planes.sum(axis=axis) == 1).all():
            return set_planes.argmax(axis=axis)
    shape = " x ".join(map(str, values.shape))
    raise InputError(f"{path} holds an array of {shape} in which not exactly one plane is set at every pixel; save ids")
