"""The tensors of a network in a foreign file, by the names that its own project gave them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.checkpoint import open_checkpoint
from atrous.importers.pytorch.pickle_machine import Call
from atrous.importers.pytorch.recognition import WEIGHTS_FILES, is_safetensors, weights_file
from atrous.importers.pytorch.tensors import StorageBytes, as_tensor

LARGEST_HEADER = 16 << 20
LARGEST_JSON = 4 << 20
MOST_TENSORS = 100_000
MOST_NESTED = 64
LONGEST_NAME = 1000

STATE_NAMES = ("state_dict", "model_state", "model_state_dict", "model", "net", "network", "weights")
"""Where training loops put the state dict among their other things, in the order of preference."""

WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What DataParallel, `torch.compile`, Lightning and others put before every name."""


@dataclass(frozen=True)
class StateDict:
    """A foreign network.

    Attributes:
        tensors: By its project's names, without what wrappers put before all of them.
        settings: Contents of a `config.json` beside the file, as Hugging Face, timm and SMP write it.
        classes: Class names that a checkpoint of MMSegmentation carries.
        skipped: Names of other values in the file, with the reason for leaving them out.
    """

    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


def read_state_dict(path: Path) -> StateDict:
    """The state dict of a file, or of the one file of weights in a folder.

    Raises:
        InputError: If there is none, or the file is damaged.
    """
    file = weights_file(path)
    settings = _settings(file.parent / "config.json") if _belongs_to_json(file) else {}
    with file.open("rb") as opened:
        start = opened.read(9)
    if is_safetensors(start):
        return StateDict(_unwrapped(_safetensors(file)), settings)
    with open_checkpoint(file) as (value, storage):
        found, name = _state_dict(value)
        size = file.stat().st_size
        tensors = dict(_tensors(found, storage=storage, most=2 * size))
        rest = {str(key): "no tensors of the network" for key in value if key != name} if name else {}
        rest |= {str(key): "no tensor" for key in found if key not in tensors}
        return StateDict(_unwrapped(tensors), settings, _class_names(value), rest)


def _belongs_to_json(file: Path) -> bool:
    return file.name in WEIGHTS_FILES and (file.parent / "config.json").is_file()


def _settings(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_JSON:
        raise InputError(f"{path.name} is larger than any real one")
    try:
        settings = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} beside it is not JSON; get it again from its source") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path.name} beside it is no JSON object; get it again from its source")
    return settings


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


def _state_dict(value: Any) -> tuple[Mapping[Any, Any], str | None]:
    """The dict of tensors, and under which name it stands."""
    match value:
        case dict() if any(isinstance(item, Call) and _is_tensor(item) for item in value.values()):
            return value, None
        case dict():
            for name in STATE_NAMES:
                if isinstance(value.get(name), dict | Call):
                    return _state_dict_of(value[name]), name
        case Call():
            return _state_dict_of(value), None
    raise InputError("a pickle without a state dict; save model.state_dict()")


def _state_dict_of(value: Any) -> Mapping[Any, Any]:
    return dict(_parameters(value, visits=iter(range(MOST_TENSORS)))) if isinstance(value, Call) else value


def _is_tensor(value: Call) -> bool:
    return str(getattr(value.callee, "name", "")).startswith(("_rebuild_", "_reconstruct"))


def _parameters(module: Any, *, visits: Iterator[int], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Tensors of a whole model that was pickled, from the state of its modules."""
    if depth > MOST_NESTED or not isinstance(module, Call) or not isinstance(module.state, dict):
        raise InputError("a pickled object that is no model; save model.state_dict()")
    for kind in ("_parameters", "_buffers"):
        yield from _named(module.state.get(kind), prefix=prefix, visits=visits)
    for name, child in _named(module.state.get("_modules"), prefix=prefix, visits=visits):
        yield from _parameters(child, visits=visits, prefix=f"{name}.", depth=depth + 1)


def _named(things: Any, *, prefix: str, visits: Iterator[int]) -> Iterator[tuple[str, Any]]:
    """Tensors or modules by their whole names; as modules may be shared, few bytes can ask for any number of visits."""
    for name, thing in things.items() if isinstance(things, dict) else ():
        if next(visits, None) is None:
            raise InputError(f"a model of more than {MOST_TENSORS} modules and tensors, as no real one has")
        if not isinstance(name, str) or len(prefix) + len(name) > LONGEST_NAME:
            raise InputError(f"a model whose parts have names of more than {LONGEST_NAME} characters, or none")
        if thing is not None:
            yield f"{prefix}{name}", thing


def _tensors(found: Mapping[Any, Any], *, storage: StorageBytes, most: int) -> Iterator[tuple[str, Tensor]]:
    """Pairs (name, tensor), together no larger than `most` bytes: tensors may share memory, but copies will not."""
    if len(found) > MOST_TENSORS:
        raise InputError(f"a state dict of {len(found)} tensors, more than any real one")
    for name, value in found.items():
        tensor = as_tensor(value, storage=storage)
        if tensor is not None and isinstance(name, str):
            most -= tensor.nbytes
            if most < 0:
                raise InputError("its tensors share their storages and are larger than the file; save clones of them")
            yield name, tensor


def _unwrapped(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names without a beginning that a wrapper gave to all of them."""
    names = list(tensors)
    while prefix := next((p for p in WRAPPERS if names and all(name.startswith(p) for name in names)), None):
        names = [name.removeprefix(prefix) for name in names]
    return dict(zip(names, tensors.values(), strict=True))


def _class_names(value: Any) -> tuple[str, ...]:
    """Class names of MMSegmentation: `meta/CLASSES`, or since 1.0 `meta/dataset_meta/classes`."""
    meta = value.get("meta") if isinstance(value, dict) else None
    data = meta.get("dataset_meta") if isinstance(meta, dict) else None
    names = data.get("classes") if isinstance(data, dict) else meta.get("CLASSES") if isinstance(meta, dict) else None
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()
