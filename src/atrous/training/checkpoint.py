"""The training state in one safetensors file: weights, momentum, moving average, loss scale and iteration.

The header holds a digest of everything, so that a damaged file is noticed. The state before is kept beside the newest
one, and is replaced only by a state that was read back from its file.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor
from torch.amp.grad_scaler import GradScaler

from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.predictor import Model
from atrous.plain import from_plain, to_plain
from atrous.training.average import MovingAverage
from atrous.training.replicas import Replicas

_KEY, _DIGEST = "atrous_state", "sha256"
_LOGGER = logging.getLogger(__name__)
_AGE = "_growth_tracker"  # torch's name


@dataclass
class TrainingState:
    """Everything that changes during a run.

    Attributes:
        model: The network, in training mode.
        optimizer: SGD over the model's parameters.
        average: The moving average of the weights; None if the run keeps none.
        scaler: Loss scale of float16 training; disabled for other precisions.
        started_from: sha256 of the archive that the initial weights came from; None if they came from none.
        iteration: Number of steps done.
        best: Best mIoU (0..1) on the validation split so far, and the iteration of that validation.
    """

    model: Model
    optimizer: torch.optim.SGD
    average: MovingAverage[Model] | None
    scaler: GradScaler
    started_from: str | None = None
    iteration: int = 0
    best: tuple[float, int] = (-1.0, 0)

    @property
    def result(self) -> Model:
        """The moving average if there is one, else the network; `training.result` makes what is saved from it."""
        return self.average.model if self.average else self.model


@dataclass(frozen=True)
class _Header:
    """The values that are not tensors; `loss_scale` and `scale_age` (steps since it changed) are for float16 only."""

    iteration: int
    best: tuple[float, int]
    loss_scale: float = 1.0
    scale_age: int = 0
    threads: int = 0
    """Number of CPU threads of the process that wrote the file; 0 in files that do not record it."""


def previous_path(path: Path) -> Path:
    """Path of the state before the one at `path`."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_state(path: Path, state: TrainingState) -> None:
    """Write the state atomically, and keep the one that was there as `previous_path`.

    The new file is read back before it replaces the old one.

    Raises:
        InputError: If the file cannot be written, or what was read back differs.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _named_tensors(state).items()}
    header = _header(state)
    digest = _digest(header, tensors)
    content = serialize(tensors, metadata={_KEY: json.dumps(to_plain(header)), _DIGEST: digest})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        del content
        if path.exists():
            try:
                intact = _digest(header, load_file(temporary)) == digest
            except SafetensorError:
                intact = False
            if not intact:
                raise InputError(f"{path} was not written as it should be; check the disk; the previous state is kept")
            _keep_previous(path)


def saved_iteration(path: Path) -> int | None:
    """Number of steps done in the state at `path`; None if there is no such file or it is unreadable."""
    try:
        with safe_open(path, framework="pt") as file:
            return _read_header(file.metadata()).iteration
    except (SafetensorError, OSError, ValueError, RecursionError):
        return None


def load_state(path: Path, state: TrainingState, *, iterations: int | None = None) -> None:
    """Read a file into a freshly built state of the same configuration.

    Warns through `logging` if the file was written by a process with another number of CPU threads.

    Args:
        path: The file.
        state: The state to fill; it is unchanged after an error.
        iterations: Number of steps of the whole run; a state with more is refused.

    Raises:
        InputError: If the file is damaged, holds numbers that are not finite, or belongs to another configuration.
    """
    targets = _named_tensors(state)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            header = _read_header(metadata)
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
            if shapes != {name: list(target.shape) for name, target in targets.items()}:
                raise InputError("it belongs to another model or optimiser")
            tensors = {name: file.get_tensor(name) for name in targets}
        if _DIGEST in metadata and metadata[_DIGEST] != _digest(header, tensors):
            raise InputError("its content does not match its digest")
        _check_numbers(header, tensors, iterations=iterations)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no training state of this run: {error}; {_remedy(path)}") from error
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(tensors[name])
    _set_header(header, state)
    on_cpu = next(iter(targets.values())).device.type == "cpu"
    if on_cpu and header.threads not in (0, torch.get_num_threads()):
        _LOGGER.warning(
            "%s was computed with %d threads, this process has %d; the result will differ in the last bits",
            path,
            header.threads,
            torch.get_num_threads(),
        )


def share_state(state: TrainingState, *, replicas: Replicas) -> None:
    """Copy the state of replica 0 to all others, bit for bit."""
    if replicas.size == 1:
        return
    header, tensors = _header(state), list(_named_tensors(state).values())
    numbers = torch.tensor(
        [header.iteration, *header.best, header.loss_scale, header.scale_age],
        dtype=torch.float64,  # exact for all of them
        device=tensors[0].device,
    )
    replicas.broadcast_from_rank_0([numbers, *tensors])
    iteration, miou, best_iteration, loss_scale, age = numbers.tolist()
    _set_header(_Header(int(iteration), (miou, int(best_iteration)), loss_scale, int(age)), state)


def _header(state: TrainingState) -> _Header:
    age = state.scaler.state_dict().get(_AGE, 0)
    return _Header(state.iteration, state.best, state.scaler.get_scale(), age, torch.get_num_threads())


def _read_header(metadata: Mapping[str, str] | None) -> _Header:
    return from_plain(_Header, json.loads((metadata or {}).get(_KEY, "null")), where="its header")


def _check_numbers(header: _Header, tensors: Mapping[str, Tensor], *, iterations: int | None) -> None:
    """Refuse step counts that this run cannot have, and tensors that are not finite."""
    miou, best_iteration = header.best
    if not 0 <= header.iteration <= (iterations or header.iteration):
        raise InputError(f"it is of iteration {header.iteration}, this run has {iterations}")
    if not (0 <= best_iteration <= header.iteration and -1 <= miou <= 1):
        raise InputError(f"its best mIoU {miou} at iteration {best_iteration} is impossible")
    bad = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(f"its tensor {bad[0]} is not finite")


def _digest(header: _Header, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the header and of all tensors in the order of their names."""
    digest = hashlib.sha256(json.dumps(asdict(header), sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _keep_previous(path: Path) -> None:
    previous = previous_path(path)
    previous.unlink(missing_ok=True)
    try:
        os.link(path, previous)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, previous)


def _remedy(path: Path) -> str:
    if previous_path(path).exists():
        return "go on from the state before with --resume-previous, or delete both to start again"
    return "delete it to start again, from the last weights with --weights last.safetensors"


def _set_header(header: _Header, state: TrainingState) -> None:
    state.iteration, state.best = header.iteration, header.best
    if state.scaler.is_enabled():
        scaling = {"scale": header.loss_scale, _AGE: header.scale_age}
        state.scaler.load_state_dict({**state.scaler.state_dict(), **scaling})


def _named_tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    if state.average:
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.model.state_dict().items()}
    names: dict[Tensor, str] = {parameter: name for name, parameter in state.model.named_parameters()}
    for parameter, values in state.optimizer.state.items():
        if (momentum := values.get("momentum_buffer")) is not None:
            tensors[f"momentum.{names[parameter]}"] = momentum
    return tensors
