"""Exported programs of `torch.export` (`.pt2`) as containers of tensors: the program is not read, and never run."""

import json
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.tensors import read_once, strided
from atrous.importers.pytorch.zip_archive import ZipArchive

CONFIG = "data/weights/model_weights_config.json"
"""List of the tensors, since PyTorch 2.8; the beginning of its name is that of the file."""

OLD_WEIGHTS = "serialized_state_dict.pt"
"""File of `torch.save` that holds the tensors, before."""

_LARGEST_JSON = 64 << 20

_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
"""Numbers of the types in the schema of `torch.export`."""


def member_ending(archive: ZipArchive, ending: str) -> str | None:
    """Name of the member with this ending, which is in no folder or in one."""
    return next((name for name in archive.names if name == ending or name.partition("/")[2] == ending), None)


def read_exported(archive: ZipArchive, config: str) -> dict[str, Tensor]:
    """Tensors of an exported program by their names.

    Args:
        archive: The program.
        config: Name of the member that lists them.

    Raises:
        InputError: If the list does not fit the bytes that are there.
    """
    try:
        listed = json.loads(archive.stored(config, most=_LARGEST_JSON))["config"]
        entries = {str(name): (str(each["path_name"]), each["tensor_meta"]) for name, each in listed.items()}
        tensors: dict[str, Tensor] = {}
        left = archive.size
        content = read_once(lambda path: archive.stored(path, most=archive.size))
        for name, (file, meta) in entries.items():
            path = config.rpartition("/")[0] + "/" + file
            tensors[name] = _tensor(content(path), meta)
            left -= tensors[name].nbytes
            if left < 0:
                raise InputError("its tensors share their bytes and are larger than the file")
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("a damaged exported program; get it again from its source") from error
    return tensors


def _tensor(content: UInt8[Tensor, "n"], meta: Any) -> Tensor:
    dtype = _DTYPES.get(meta["dtype"])
    if dtype is None:
        raise InputError(f"tensors of the type {meta['dtype']!r:.20} of an exported program cannot be read")
    vector = content[: len(content) // dtype.itemsize * dtype.itemsize].view(dtype)
    size, stride = (tuple(each["as_int"] for each in meta[name]) for name in ("sizes", "strides"))
    return strided(vector, offset=meta["storage_offset"]["as_int"], size=size, stride=stride)
