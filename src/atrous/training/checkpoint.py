"""The training state in one safetensors file: weights, momentum, moving average, loss scale and iteration."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor
from torch.amp.grad_scaler import GradScaler

from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.predictor import Model
from atrous.plain import from_plain, to_plain
from atrous.training.average import MovingAverage
from atrous.training.replicas import Replicas

_KEY = "atrous_state"
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
        """The model that is evaluated and saved: the moving average if there is one."""
        return self.average.model if self.average else self.model


@dataclass(frozen=True)
class _Header:
    """The values that are not tensors; `loss_scale` and `scale_age` (steps since it changed) are for float16 only."""

    iteration: int
    best: tuple[float, int]
    loss_scale: float = 1.0
    scale_age: int = 0


def save_state(path: Path, state: TrainingState) -> None:
    """Write the state atomically: a process that dies meanwhile leaves the previous state in place."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _named_tensors(state).items()}
    content = serialize(tensors, metadata={_KEY: json.dumps(to_plain(_header(state)))})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def load_state(path: Path, state: TrainingState) -> None:
    """Read a file into a freshly built state of the same configuration.

    Raises:
        InputError: If the file is damaged or belongs to another configuration.
    """
    targets = _named_tensors(state)
    try:
        with safe_open(path, framework="pt") as file:
            header = from_plain(_Header, json.loads((file.metadata() or {}).get(_KEY, "null")), where="its header")
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
            if header.iteration < 0 or shapes != {name: list(target.shape) for name, target in targets.items()}:
                raise InputError("it belongs to another model or optimiser")
            with torch.no_grad():
                for name, target in targets.items():
                    target.copy_(file.get_tensor(name))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no training state of this run: {error}; delete it to start again") from error
    _set_header(header, state)


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
    replicas.copy_first([numbers, *tensors])
    iteration, miou, best_iteration, loss_scale, age = numbers.tolist()
    _set_header(_Header(int(iteration), (miou, int(best_iteration)), loss_scale, int(age)), state)


def _header(state: TrainingState) -> _Header:
    age = state.scaler.state_dict().get(_AGE, 0)
    return _Header(state.iteration, state.best, state.scaler.get_scale(), age)


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
