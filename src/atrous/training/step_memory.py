"""Memory that a training step needs on its device, computed from shapes before anything runs."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from atrous.model.build import build
from atrous.training.config import TrainConfig
from atrous.training.step import AUTOCAST_DTYPES
from atrous.training.teacher import Teacher


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a training step needs at its largest: when the forward pass is done and the backward pass begins.

    Libraries' work space, the data loader and Python itself come on top.

    Attributes:
        weights: Weights, momentum and moving average, in float32, and the teacher's weights.
        activations: Feature maps that the backward pass needs, and the first gradient.
    """

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """Sum of both."""
        return self.weights + self.activations


def step_memory(config: TrainConfig, *, teacher: Teacher | None = None) -> StepMemory:
    """Compute the memory of a step of a run, on the device of one replica.

    The forward pass is done without data (torch's device `meta`), and what it keeps for the backward pass is counted,
    each storage once; feature maps have the number type of the run's precision. Those of a teacher do not count: they
    are gone before the network's come.

    Args:
        config: Settings of the run: network, crop, batch size, its parts and replicas, precision.
        teacher: Teacher of the run.
    """
    with torch.device("meta"):
        model = build(config.model).train()
    copies = 2 + (config.ema_decay > 0)
    weights = 4 * copies * sum(parameter.numel() for parameter in model.parameters())
    if teacher is not None:
        weights += 4 * sum(parameter.numel() for parameter in teacher.model.parameters())
    model = model.to(AUTOCAST_DTYPES.get(config.precision, torch.float32))
    held = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in held:
            kept[storage._cdata] = storage  # held, so that no other storage takes its address
        return tensor

    crops = config.batch_size // (config.replicas * config.accumulate)
    images = torch.zeros(crops, config.model.in_channels, *config.crop, dtype=torch.uint8, device="meta")
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        model(images)
    sizes = [storage.nbytes() for storage in kept.values()]
    return StepMemory(weights, sum(sizes) + max(sizes, default=0))


def fitting_parts(memory: StepMemory, config: TrainConfig, *, available: int) -> int | None:
    """Smallest `accumulate` with which a step fits into `available` bytes; None if no number of parts is enough.

    Args:
        memory: Of a step with the `accumulate` of the settings.
        config: Settings of the run.
        available: Bytes of the device.
    """
    rows = config.batch_size // config.replicas
    of_a_crop = memory.activations / (rows // config.accumulate)
    for parts in range(1, rows + 1):
        if rows % parts == 0 and memory.weights + of_a_crop * (rows // parts) <= available:
            return parts
    return None


def memory_remedy(memory: StepMemory, config: TrainConfig, *, available: int) -> str:
    """Return options with which a step would fit into `available` bytes, as a part of a sentence."""
    height, width = config.crop
    smaller = f"lower --batch-size ({config.batch_size}) or --crop ({height} {width})"
    needed = f"a step needs about {memory.total / 2**30:.1f} GiB of the {available / 2**30:.1f} there"
    parts = fitting_parts(memory, config, available=int(0.9 * available))
    if parts is None:
        return f"{needed}; {smaller}"
    if parts <= config.accumulate:
        return f"{needed}, and other programs may hold the rest; raise --accumulate ({config.accumulate}), or {smaller}"
    return f"{needed}; --accumulate {parts} fits, which only batch norm notices; or {smaller}"
