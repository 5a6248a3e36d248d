"""`atrous train DATA --dry-run`: what a run would be, what it would cost, and nothing written."""

from collections.abc import Sequence

import torch

from atrous.cli.console import console
from atrous.inference.device import device_memory
from atrous.sizes import ceil_div
from atrous.training.dry_run import trial
from atrous.training.stages import Stage
from atrous.training.step_memory import StepMemory, memory_remedy
from atrous.training.teacher import Teacher


def print_dry_run(stages: Sequence[Stage], *, device: torch.device, times: int = 1) -> None:
    """Print data, network, memory and expected time of each stage, and the sum.

    Args:
        stages: The stages of a run.
        device: Device to train on.
        times: Number of such runs, as with folds.

    Raises:
        InputError: If a stage cannot start.
    """
    total, available = 0.0, device_memory(device)
    for number, stage in enumerate(stages, start=1):
        config = stage.config
        with console.status(f"trying a few steps on {device}"):
            tried = trial(stage, device=device)
        height, width = config.crop
        what = "save" if stage.validation is None else "validation"
        validated = 0 if stage.validation is None else len(stage.validation)
        without_labels = f"{len(stage.unlabelled)} without labels, " if stage.unlabelled is not None else ""
        if len(stages) > 1:
            print(f"stage {number} of {len(stages)}")
        print(
            f"data    {len(stage.data)} images to train on, {without_labels}{validated} to validate on, "
            f"{len(stage.data.labels)} classes\n"
            f"model   {tried.parameters / 1e6:.2f} M parameters, output stride {config.model.output_stride}\n"
            f"{_teacher(stage.teacher)}"
            f"steps   {config.iterations} of {config.batch_size} crops of {height}x{width}, {config.precision}; "
            f"{tried.validations} {what}{'s' * (tried.validations != 1)}\n"
            f"memory  {_memory(tried.memory, device, available=available)}"
        )
        if tried.memory.total > 0.9 * available:
            print(f"        {memory_remedy(tried.memory, config, available=available)}")
        print(
            f"time    {tried.step_seconds:.2f} s a step, {tried.validation_seconds:.0f} s a {what}: "
            f"about {_duration(tried.seconds(config.iterations))}"
        )
        total += times * tried.seconds(config.iterations)
    runs = f" in {times} folds" * (times > 1)
    print(f"in all  about {_duration(total)}{runs}")
    print(f"out     {stages[-1].run.folder}: nothing was written; leave out --dry-run to train")


def _teacher(teacher: Teacher | None) -> str:
    """Return the line about the teacher, whose weights are part of the memory; empty without one."""
    if teacher is None:
        return ""
    parameters = sum(parameter.numel() for parameter in teacher.model.parameters())
    return f"teacher {parameters / 1e6:.2f} M parameters, output stride {teacher.model.output_stride}\n"


def _memory(memory: StepMemory, device: torch.device, *, available: int) -> str:
    return (
        f"about {memory.total / 2**30:.2f} GiB a step of the {available / 2**30:.1f} of {device}: "
        f"weights, momentum and average {memory.weights / 2**30:.2f}, feature maps {memory.activations / 2**30:.2f}"
    )


def _duration(seconds: float) -> str:
    """Return a time as people say it: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = ceil_div(int(seconds), 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
