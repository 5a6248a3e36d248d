"""Label maps in MATLAB files.

Files up to version 7 are read by SciPy (extra `mat`), the one well-kept reader of them in Python. Version 7.3 is HDF5:
it is refused by name, because `save(..., '-v7')` in MATLAB is less trouble than another library here.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.formats.decoding import decoding
from atrous.data.formats.images import MAX_PIXELS
from atrous.data.formats.matlab_structure import check_structure
from atrous.errors import InputError
from atrous.extras import require

_NUMERIC = frozenset(
    ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "double", "single", "logical")
)
_OBJECTS = frozenset(("inst", "instance", "instances", "object", "objects"))
_IDS = frozenset(("id", "ids"))
"""Words in the names of matrices that number objects, unless a word of classes is beside them."""
_CLASSES = frozenset(("category", "categories", "class", "classes", "cls", "semantic", "type", "types"))
"""Words of classes, also of objects: `object_classes`."""
_LABELS = frozenset(("label", "labels"))
_MAPS = _CLASSES | _LABELS | {"annotation", "groundtruth", "gt", "mask", "seg", "segmentation"}
"""Words of which the name of a label map has one."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""A word of a name such as `inst_map`, `typeMap` or `GT2`."""
_LABEL_FIELDS = ("segmentation", "labelmap", "label_map", "labels", "groundtruth", "seg", "mask")
"""Fields of structs that hold the label map, in lower case."""


def read_mat(path: Path) -> Integer[np.ndarray, "h w"]:
    """The label map of a MATLAB file: its only numeric matrix, whatever its name, or that of a struct.

    Of several matrices of one size, such as `inst_map` and `type_map`, the only one counts whose name does not say that
    it numbers objects, if it says that it is a label map; smaller ones describe these. In a struct the field
    `Segmentation`, `LabelMap` or the like counts, or else its only matrix; of several structs in a cell, as each
    annotator of BSDS has one, the first.

    Args:
        path: A file of version 4 to 7.

    Returns:
        uint8, or uint16 where values exceed 255; values as they lie in the file.

    Raises:
        InputError: If the file is damaged or of version 7.3, holds no or several matrices or other things than
            integers 0..65535, or SciPy is missing.
    """
    reader = require("scipy.io", extra="mat", purpose=f"reading {path}")
    with _named(path):
        check_structure(path)
        described = reader.whosmat(path)
        maps = _maps(described)
        structs = [name for name, _, kind in described if kind in ("struct", "cell")]
        if not maps and len(structs) == 1:
            value = _label_map(reader.loadmat(path, variable_names=structs)[structs[0]])
            if value is not None:
                return _labels(value, path=path)
        if len(maps) != 1:
            found = ", ".join(f"{name} ({kind})" for name, _, kind in described) or "nothing"
            raise InputError(f"{path} holds {found}; save the label map as the only matrix of the file")
        (name, shape), *_ = maps
        _check_size(shape, path=path)
        return _labels(reader.loadmat(path, variable_names=[name])[name], path=path)


def named_matrix(path: Path) -> tuple[str, tuple[str, ...]]:
    """The matrix that `read_mat` takes where a file holds several, and the others; empty where it needs no choice.

    Raises:
        InputError: If the file is damaged or of version 7.3, or SciPy is missing.
    """
    reader = require("scipy.io", extra="mat", purpose=f"reading {path}")
    with _named(path):
        check_structure(path)
        described = reader.whosmat(path)
    maps = _maps(described)
    others = tuple(name for name, _, _ in described if name != maps[0][0]) if len(maps) == 1 else ()
    return (maps[0][0], others) if others else ("", ())


def read_mat_field(path: Path, *, struct: str, field: str) -> Integer[np.ndarray, "h w"]:
    """A label map that is a field of a struct, as SBD keeps it; otherwise as `read_mat`.

    Raises:
        InputError: As `read_mat`, and if there is no such struct or field.
    """
    reader = require("scipy.io", extra="mat", purpose=f"reading {path}")
    with _named(path):
        check_structure(path)
        value = reader.loadmat(path, variable_names=[struct]).get(struct)
        if value is None or value.dtype.names is None or field not in value.dtype.names or value.size != 1:
            raise InputError(f"{path} has no struct {struct} with the field {field}; is it a file of this data set?")
        return _labels(value[field].flat[0], path=path)


def read_mat_names(path: Path) -> tuple[str, ...]:
    """The names in a MATLAB file whose only variable is a cell of strings; none where it holds something else.

    Raises:
        InputError: If the file is damaged or of version 7.3, or SciPy is missing.
    """
    reader = require("scipy.io", extra="mat", purpose=f"reading {path}")
    with _named(path):
        check_structure(path)
        cells = [name for name, _, kind in reader.whosmat(path) if kind == "cell"]
        values = reader.loadmat(path, variable_names=cells)[cells[0]].ravel() if len(cells) == 1 else ()
        if not all(isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1 for value in values):
            return ()
        return tuple(str(value.flat[0]).strip() for value in values)


def _maps(described: Sequence[tuple[str, tuple[int, ...], str]]) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the matrices of a file that may be its label map."""
    found = [(name, shape) for name, shape, kind in described if kind in _NUMERIC and min(shape, default=0) > 1]
    largest = max((shape for _, shape in found), key=prod, default=())
    same = [(name, shape) for name, shape in found if shape == largest]
    others = [(name, shape) for name, shape in same if not _numbers_objects(_words(name))]
    return others if len(others) == 1 < len(same) and _words(others[0][0]) & _MAPS else found


def _numbers_objects(words: set[str]) -> bool:
    if words & _CLASSES:
        return False
    return bool(words & _OBJECTS) or bool(words & _IDS and not words & _LABELS)


def _words(name: str) -> set[str]:
    """The words of a name in lower case; of `labelmap` the first one."""
    return {word.lower().removesuffix("map") for word in _WORD.findall(name)}


def _label_map(value: Any, *, depth: int = 4) -> Any:
    """The matrix of numbers in cells and structs; None where there is none, or several."""
    if not isinstance(value, np.ndarray) or not depth or not value.size:
        return None
    if value.dtype.names is not None:
        fields = {name.lower(): value[name].flat[0] for name in value.dtype.names}
        named = [fields[name] for name in _LABEL_FIELDS if name in fields]
        found = [_label_map(field, depth=depth - 1) for field in (named or fields.values())]
        maps = [field for field in found if field is not None]
        return maps[0] if len(maps) == 1 or (named and maps) else None
    if value.dtype == object:
        return _label_map(value.flat[0], depth=depth - 1)
    return value if value.ndim == 2 and min(value.shape) > 1 and value.dtype.kind in "uifb" else None


def _labels(values: Any, *, path: Path) -> Integer[np.ndarray, "h w"]:
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "uifb" or not values.size:
        raise InputError(f"{path} holds no matrix of numbers; save the label map as one uint8 or uint16 matrix")
    _check_size(values.shape, path=path)
    # Written so that NaN fails, too.
    if not ((values >= 0) & (values <= 65535)).all() or (values.dtype.kind == "f" and (values % 1).any()):
        raise InputError(f"{path} holds values outside the integers 0..65535; save class ids as uint8 or uint16")
    return np.ascontiguousarray(values, np.uint8 if values.max() <= 255 else np.uint16)


def _check_size(shape: tuple[int, ...], *, path: Path) -> None:
    if len(shape) != 2 or shape[0] * shape[1] > MAX_PIXELS:
        raise InputError(f"{path} holds an array of {' x '.join(map(str, shape))}; a label map is height x width")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what SciPy raises inside into one line about this file; it does not implement HDF5."""
    with decoding(path):
        try:
            yield
        except NotImplementedError as error:
            raise InputError(f"{path} is a MATLAB 7.3 file (HDF5); save it in MATLAB with save(..., '-v7')") from error
