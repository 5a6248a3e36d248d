"""The tensors of a foreign file by the names that its own project gave them, and what is beside them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.checkpoint import open_checkpoint
from atrous.importers.pytorch.groups import MOST_TENSORS, Group, groups
from atrous.importers.pytorch.onnx_initializers import read_initializers
from atrous.importers.pytorch.pickle_machine import Call
from atrous.importers.pytorch.recognition import INDEX_ENDING, WEIGHTS_FILES, is_onnx, is_safetensors, weights_file
from atrous.importers.pytorch.tensors import StorageBytes, as_tensor, no_storage

LARGEST_HEADER = 16 << 20
LARGEST_JSON = 4 << 20
MOST_SHARDS = 1000
MOST_LEVELS, MOST_SETTINGS = 8, 10_000
"""Dicts of hyperparameters inside each other that are looked into, and entries of each level."""

_MARKS = ("architectures", "model_type", "encoder_name", "_model_class", "architecture", "pretrained_cfg")
"""Entries of a `config.json` that Hugging Face, segmentation_models.pytorch or timm wrote."""

CHECKPOINT = "give the PyTorch or TensorFlow checkpoint that it was made from"

_PRUNED, _MASK = "_orig", "_mask"
"""Endings of a pruned tensor and of its mask in `torch.nn.utils.prune`."""

_REBUILT = "_rebuild_"
"""Beginning of the functions of torch that a pickle names for tensors: `_rebuild_qtensor`, `_rebuild_sparse_tensor`."""

_WITHOUT_VALUES = "_rebuild_meta_tensor"
"""Beginning of the function that a pickle names for tensors of the device meta."""

Load = Callable[[Group], dict[str, Tensor]]


@dataclass(frozen=True)
class StateDict:
    """Tensors of one network.

    Attributes:
        tensors: Tensors by the names of their project, without what wrappers put before all of them.
        settings: Contents of a `config.json` beside the file and, where that is silent, Lightning's `hyper_parameters`.
        classes: Class names that a checkpoint of MMSegmentation carries.
        meta: Configuration that a checkpoint of MMSegmentation carries, as text.
    """

    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    meta: str = ""


@dataclass(frozen=True)
class Contents:
    """Everything in a file that may be a network, or says something about one.

    Attributes:
        groups: Tensors that lie together; their values are read by `load`.
        load: Reads the tensors of a group.
        value: The whole value of a checkpoint; None for other files.
        settings: As in `StateDict`.
    """

    groups: list[Group]
    load: Load
    value: Any
    settings: Mapping[str, Any]

    def state_dict(self, group: Group) -> StateDict:
        """One group with all that is known beside it."""
        return StateDict(self.load(group), self.settings, _class_names(self.value), _meta_config(self.value))


@contextmanager
def open_file(path: Path) -> Iterator[Contents]:
    """Open a checkpoint, a safetensors file, an ONNX model, or the file or shards in a folder.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    file = weights_file(path)
    settings = _settings(file)
    if file.name.endswith(INDEX_ENDING):
        yield _read_at_once(_sharded(file), settings=settings)
        return
    with file.open("rb") as opened:
        start = opened.read(9)
    if is_safetensors(start):
        yield _read_at_once(_safetensors(file), settings=settings)
        return
    if is_onnx(start):
        try:
            yield _read_at_once(read_initializers(file), settings=settings)
        except InputError as error:  # exporters fold batch norms into kernels and give these other names
            raise InputError(f"an ONNX model that holds no state dict: {error}; {CHECKPOINT}") from error
        return
    with open_checkpoint(file) as (value, storage):
        is_dict = isinstance(value, dict)
        unpacked = sum(each.nbytes for each in value.values() if isinstance(each, Tensor)) if is_dict else 0
        most = 2 * max(file.stat().st_size, unpacked)
        hyper_parameters = value.get("hyper_parameters") if is_dict else None
        if hyper_parameters is not None:
            settings = {**_flat(hyper_parameters), **settings}

        def load(group: Group) -> dict[str, Tensor]:
            return _loaded(group, storage=storage, most=most)

        yield Contents(groups(value), load, value, settings)


def _read_at_once(tensors: Mapping[str, Tensor], *, settings: Mapping[str, Any]) -> Contents:
    """Contents of a file without a pickle."""
    most = 2 * sum(tensor.nbytes for tensor in tensors.values())

    def load(group: Group) -> dict[str, Tensor]:
        return _loaded(group, storage=no_storage, most=most)

    return Contents(groups(dict(tensors)), load, None, settings)


def _loaded(group: Group, *, storage: StorageBytes, most: int) -> dict[str, Tensor]:
    return dict(_tensors(group.tensors, storage=storage, most=most))


def _settings(file: Path) -> dict[str, Any]:
    """Contents of `config.json` beside a file, if it is one of those that describe networks."""
    path = file.parent / "config.json"
    named_as_usual = file.name in WEIGHTS_FILES or file.name.endswith(INDEX_ENDING)
    if not path.is_file() or (path.stat().st_size > LARGEST_JSON and not named_as_usual):
        return {}
    try:
        settings = _json(path)
    except InputError:
        if named_as_usual:
            raise
        return {}
    if not named_as_usual and not any(mark in settings for mark in _MARKS):
        return {}
    processor = file.parent / "preprocessor_config.json"
    return {**settings, "preprocessor": _json(processor)} if processor.is_file() else settings


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_JSON:
        raise InputError(f"{path.name} is larger than any real one")
    try:
        settings = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} beside it is not JSON; get it again from its source") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path.name} beside it is no JSON object; get it again from its source")
    return settings


def _flat(parameters: Any) -> dict[str, Any]:
    """Hyperparameters with those of dicts and namespaces inside them, such as `model_kwargs`; outer ones count."""
    flat: dict[str, Any] = {}
    level = [parameters]
    for _ in range(MOST_LEVELS):
        dicts = (each.state if isinstance(each, Call) else each for each in level)
        entries = list(
            islice(chain.from_iterable(each.items() for each in dicts if isinstance(each, dict)), MOST_SETTINGS)
        )
        flat = {**{name: value for name, value in reversed(entries) if isinstance(name, str)}, **flat}
        level = [value for _, value in entries]
    return flat


def _safetensors(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > LARGEST_HEADER:
        raise InputError(f"a safetensors file whose header announces {header} bytes; get it again from its source")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"a damaged safetensors file ({error}); get it again from its source") from error


def _sharded(index: Path) -> dict[str, Tensor]:
    """Tensors of all files that an index lists."""
    listed = _json(index).get("weight_map")
    places = listed if isinstance(listed, dict) else {}
    files = sorted(set(map(str, places.values())))
    if not files or not all(Path(name).name == name for name in files):
        raise InputError(f"{index.name} lists no files of weights beside it; get it again from its source")
    if len(files) > MOST_SHARDS:
        raise InputError(f"{index.name} lists {len(files)} files, more than any real one")
    tensors: dict[str, Tensor] = {}
    for name in files:
        path = index.with_name(name)
        if not path.is_file():
            raise InputError(f"{name:.80}, which {index.name} lists, is missing; get it from the same source")
        with path.open("rb") as file:
            start = file.read(9)
        if is_safetensors(start):
            tensors |= _safetensors(path)
            continue
        with open_checkpoint(path) as (value, storage):
            if isinstance(value, dict):
                tensors |= dict(_tensors(value, storage=storage, most=2 * path.stat().st_size))
    missing = [name for name in places if name not in tensors]
    if missing:
        raise InputError(f"{missing[0]!s:.80} and {len(missing) - 1} more tensors that {index.name} lists are missing")
    return tensors


def _tensors(values: Mapping[Any, Any], *, storage: StorageBytes, most: int) -> Iterator[tuple[str, Tensor]]:
    """Pairs (name, tensor), together no larger than `most` bytes: tensors may share memory, but copies will not."""
    if len(values) > MOST_TENSORS:
        raise InputError(f"a state dict of {len(values)} tensors, more than any real one")
    for name, value in values.items():
        tensor = as_tensor(value, storage=storage)
        function = str(getattr(value.callee, "name", "")) if tensor is None and isinstance(value, Call) else ""
        if function.startswith(_WITHOUT_VALUES):
            raise InputError(f"{name!s:.80} was saved on the device meta, without its values; save the trained model")
        if function.startswith(_REBUILT):
            raise InputError(f"{name!s:.80} is no plain tensor, but quantised, sparse or of 8 bits; save it as float32")
        if tensor is None or not isinstance(name, str) or name.endswith(_MASK):
            continue
        most -= tensor.nbytes
        if most < 0:
            raise InputError("its tensors share their storages and are larger than the file; save clones of them")
        mask = as_tensor(values.get(name.removesuffix(_PRUNED) + _MASK), storage=storage)
        if name.endswith(_PRUNED) and mask is not None:
            if mask.shape != tensor.shape:
                raise InputError(f"{name:.80} and its mask have different shapes")
            yield name.removesuffix(_PRUNED), tensor * mask
        else:
            yield name, tensor


def _class_names(value: Any) -> tuple[str, ...]:
    """Class names of MMSegmentation: `meta/CLASSES`, or since 1.0 `meta/dataset_meta/classes`."""
    meta = value.get("meta") if isinstance(value, dict) else None
    data = meta.get("dataset_meta") if isinstance(meta, dict) else None
    names = data.get("classes") if isinstance(data, dict) else meta.get("CLASSES") if isinstance(meta, dict) else None
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()


def _meta_config(value: Any) -> str:
    """Configuration of MMSegmentation: `meta/cfg`, before 1.0 `meta/config`."""
    meta = value.get("meta") if isinstance(value, dict) else None
    texts = [meta.get("cfg"), meta.get("config")] if isinstance(meta, dict) else []
    return next((text for text in texts if isinstance(text, str)), "")
