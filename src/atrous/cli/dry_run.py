"""`atrous train DATA --dry-run`: what a run would be, what it would cost, and nothing written."""

from collections.abc import Sequence

import torch

from atrous.cli.console import console
from atrous.inference.device import device_memory
from atrous.sizes import ceil_div
from atrous.training.dry_run import Trial, trial
from atrous.training.stages import Stage
from atrous.training.step_memory import memory_remedy


def print_dry_run(stages: Sequence[Stage], *, device: torch.device, times: int = 1) -> None:
    """Print data, network, memory and expected time of each stage, and the sum.

    Args:
        stages: The stages of a run.
        device: Device to train on.
        times: Number of such runs, as with folds.

    Raises:
        InputError: If a stage cannot start.
    """
    total = 0.0
    for number, stage in enumerate(stages, start=1):
        config = stage.config
        with console.status(f"trying a few steps on {device}"):
            tried = trial(stage, device=device)
        height, width = config.crop
        validated = 0 if stage.validation is None else len(stage.validation)
        if len(stages) > 1:
            print(f"stage {number} of {len(stages)}")
        print(
            f"data    {len(stage.data)} images to train on, {validated} to validate on, "
            f"{len(stage.data.labels)} classes\n"
            f"model   {tried.parameters / 1e6:.2f} M parameters, output stride {config.model.output_stride}\n"
            f"steps   {config.iterations} of {config.batch_size} crops of {height}x{width}, {config.precision}; "
            f"{tried.validations} validation{'s' * (tried.validations != 1)}\n"
            f"memory  {_memory(tried, device)}"
        )
        if tried.memory.total > 0.9 * device_memory(device):
            print(f"        {memory_remedy(config, device=device)}")
        print(
            f"time    {tried.step_seconds:.2f} s a step, {tried.validation_seconds:.0f} s a validation: "
            f"about {_duration(tried.seconds(config.iterations))}"
        )
        total += times * tried.seconds(config.iterations)
    runs = f" in {times} folds" * (times > 1)
    print(f"in all  about {_duration(total)}{runs}")
    print(f"out     {stages[-1].run.folder}: nothing was written; leave out --dry-run to train")


def _memory(tried: Trial, device: torch.device) -> str:
    memory, there = tried.memory, device_memory(device) / 2**30
    return (
        f"about {memory.total / 2**30:.2f} GiB a step of the {there:.1f} of {device}: weights, momentum and average "
        f"{memory.weights / 2**30:.2f}, feature maps {memory.activations / 2**30:.2f}"
    )


def _duration(seconds: float) -> str:
    """Return a time as people say it: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = ceil_div(int(seconds), 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
