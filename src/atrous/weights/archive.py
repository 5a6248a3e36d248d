"""Our own file of weights: one `.safetensors` that says everything about itself.

The header's metadata holds one JSON text under the key `atrous`: format version, model configuration with the
conventions the weights expect, label space, provenance, and a sha256 over all of these and over every tensor's name,
type, shape and bytes. It is verified before anything in the file is believed. Nothing in such a file is ever executed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.importers.file_head import FileHead, read_head
from atrous.importers.pytorch.recognition import PICKLE_STARTS, ZIP_START, is_safetensors
from atrous.importers.unreadable import unreadable
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.model.deeplab import DeepLab
from atrous.model.old_config import upgraded_config
from atrous.plain import from_plain, to_plain
from atrous.report.wording import shortened

FORMAT = 2
"""Archives of format 1 have older names in their model configuration (`atrous.model.old_config`)."""

_KEY = "atrous"
_LARGEST_HEADER = 16 << 20  # bytes; ResNet-101 needs 0.1 MiB
_LONGEST_DESCRIPTION = 4 << 20  # characters; the header's own quoting may double them
_LONGEST_CONFIG = 16 << 10  # characters; ours have about 1000, and every layer costs some
_DTYPES = ("F32", "F16", "I64")


@dataclass(frozen=True)
class Archive:
    """A model, its labels and its provenance.

    Attributes:
        model: In eval mode, float32.
        labels: Names of its classes.
        provenance: Origin: source, licence, protocol, measured results; any JSON object.
        sha256: Sha256 of the contents, which names the weights beside a result.
    """

    model: DeepLab
    labels: LabelSpace
    provenance: Mapping[str, Any]
    sha256: str

    @property
    def picture_range(self) -> Any:
        """Numbers that were black and white in the deep pictures of the training data; None where not declared."""
        trained_on = self.provenance.get("trained_on")
        return trained_on.get("picture_range") if isinstance(trained_on, Mapping) else None


def save(
    path: str | Path,
    model: DeepLab,
    *,
    labels: LabelSpace | None = None,
    provenance: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write an archive; the same contents give the same bytes.

    Args:
        path: Usually ends with `.safetensors`; what was there is replaced once the new file is complete.
        model: On any device.
        labels: One name for each of its classes; without them they are `class 0`, `class 1` ...
        provenance: Origin of the weights, as a JSON object.
        half: Store parameters in 16 bits; running statistics of batch norm stay in 32.

    Raises:
        InputError: If the path cannot be written, the labels do not fit the model, the provenance is not JSON, or a
            parameter does not fit into 16 bits.
    """
    path = Path(path)
    labels = LabelSpace.unnamed(model.config.classes) if labels is None else labels
    if len(labels) != model.config.classes:
        raise InputError(f"cannot write {path}: {len(labels)} labels for a model of {model.config.classes} classes")
    tensors = {name: _stored(name, tensor, half=half) for name, tensor in model.state_dict().items()}
    description = {
        "format": FORMAT,
        "config": to_plain(model.config),
        "labels": labels.to_json(),
        "provenance": {} if provenance is None else provenance,
    }
    try:
        description = json.loads(_canonical(description))  # as it will be read: keys are strings, tuples are lists
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"cannot write {path}: the provenance is not plain JSON: {error}") from error
    description["sha256"] = _sha256(description, {name: tensor.numpy() for name, tensor in tensors.items()})
    text = _canonical(description)
    if len(text) > _LONGEST_DESCRIPTION:
        raise InputError(f"cannot write {path}: a description of {len(text)} characters; shorten the provenance")
    content = serialize(tensors, metadata={_KEY: text})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def load(path: Path) -> Archive:
    """Read an archive.

    Raises:
        InputError: If the file cannot be read, is something else, is damaged or altered, was written by a newer
            version, or describes a model other than the one its tensors belong to.
    """
    try:
        return _load(path)
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=400)}") from error  # names and values may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def is_archive(head: FileHead) -> bool:
    """Return True if a file is to be read as an archive: its header has our entry, or is too damaged to say."""
    if not is_safetensors(head.start):
        return False
    length = int.from_bytes(head.start[:8], "little")
    if length > min(_LARGEST_HEADER, head.size - 8):
        return True
    try:
        with head.path.open("rb") as file:
            header = json.loads(file.read(8 + length)[8:])
        return _KEY in header.get("__metadata__", {})
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return True


def _load(path: Path) -> Archive:
    head = read_head(path)
    if not head.is_file:
        path.open("rb").close()  # raises the error of the system
    _check_start(head)
    try:
        with safe_open(path, framework="np") as file:
            description = _description((file.metadata() or {}).get(_KEY))
            kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            if not kinds <= set(_DTYPES):
                raise InputError(f"tensors of type {', '.join(sorted(kinds))}; an archive has {', '.join(_DTYPES)}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"damaged or no safetensors file ({error}); get it again from its source") from error
    sha256 = _verified(description, arrays)
    config = _config(description)
    labels = _labels(description, classes=config.classes)
    provenance = description.get("provenance")
    if not isinstance(provenance, dict):
        raise InputError("its provenance is not a JSON object")
    model = _model(config, arrays)
    return Archive(model, labels, provenance, sha256)


def _stored(name: str, tensor: Tensor, *, half: bool) -> Tensor:
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.contiguous()
    if not half or name.endswith((".running_mean", ".running_var")):
        return tensor.to(torch.float32).contiguous()
    halved = tensor.to(torch.float16).contiguous()
    if not torch.equal(halved.isfinite(), tensor.isfinite()):
        raise InputError(f"{name} holds values beyond 65504, which half precision cannot; save in full precision")
    return halved


def _canonical(description: Mapping[str, Any]) -> str:
    return json.dumps(description, sort_keys=True, allow_nan=False)


def _sha256(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    index = {name: [array.dtype.name, list(array.shape)] for name, array in arrays.items()}
    digest = hashlib.sha256(_canonical({"description": description, "tensors": index}).encode())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _verified(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 that the description states, if it is that of the contents."""
    stated = description.get("sha256")
    rest = {key: value for key, value in description.items() if key != "sha256"}
    try:
        found = _sha256(rest, arrays)
    except (ValueError, RecursionError):  # numbers or depths that no description of ours has
        found = ""
    if not found or stated != found:
        raise InputError("its contents do not match its sha256: damaged or altered; get it again from its source")
    return found


def _check_start(head: FileHead) -> None:
    """Refuse other kinds of files by name, and header sizes that no archive has before anybody allocates them."""
    if is_safetensors(head.start) and int.from_bytes(head.start[:8], "little") <= _LARGEST_HEADER:
        return
    if head.start.startswith((ZIP_START, *PICKLE_STARTS)):
        raise InputError("a pickle as torch.save writes it, not an archive; turn it into one by atrous convert")
    if is_safetensors(head.start):
        raise InputError("damaged or no safetensors file; give an archive written by atrous")
    raise InputError(unreadable(head))


def _description(text: str | None) -> dict[str, Any]:
    if text is None:
        raise InputError("a safetensors file of something else: it has no atrous description; give an archive of ours")
    try:
        description = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError("its description is not JSON: damaged or altered; get it again from its source") from error
    version = description.get("format") if isinstance(description, dict) else None
    if version not in (1, FORMAT) or isinstance(version, bool):
        raise InputError(f"written in format {version!r:.20}, this version of atrous reads {FORMAT}; upgrade atrous")
    return description


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _config(description: Mapping[str, Any]) -> ModelConfig:
    config = description.get("config")
    if len(_canonical({"config": config})) > _LONGEST_CONFIG:
        raise InputError("its model configuration is longer than any real one")
    if description["format"] == 1:
        config = upgraded_config(config)
    return from_plain(ModelConfig, config, where="model configuration")


def _labels(description: Mapping[str, Any], *, classes: int) -> LabelSpace:
    try:
        labels = LabelSpace.from_json(description["labels"])
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"its label space is broken: {error}") from error
    if len(labels) != classes:
        raise InputError(f"{len(labels)} labels for a model of {classes} classes")
    return labels


def _model(config: ModelConfig, arrays: Mapping[str, np.ndarray]) -> DeepLab:
    """Build the model, after its shapes were compared without allocating it."""
    with torch.device("meta"):
        outline = build(config).state_dict()
    differences = [f"{name} is missing" for name in outline if name not in arrays]
    differences += [f"{name} is unknown" for name in arrays if name not in outline]
    differences += [
        f"{name} is {array.dtype} {array.shape} where the model has {outline[name].dtype} {tuple(outline[name].shape)}"
        for name, array in arrays.items()
        if name in outline and not _fits(array, outline[name])
    ]
    if differences:
        raise InputError(f"its tensors are not those of its model: {'; '.join(differences[:3])}")
    model = build(config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return model.eval()


def _fits(array: np.ndarray, tensor: Tensor) -> bool:
    return array.shape == tuple(tensor.shape) and (array.dtype.kind == "f") == tensor.is_floating_point()
