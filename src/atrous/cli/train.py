"""`atrous train DATA --recipe R --out RUN`: train by a recipe, or go on where a run was interrupted."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path

import torch
import tyro

from atrous.cli.console import console, progress_bar
from atrous.cli.device import Device, choose_device
from atrous.cli.options import parse
from atrous.data.cache import CachedDataSet
from atrous.data.dataset import DataSet, open_data
from atrous.errors import InputError
from atrous.model.presets import preset
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.loop import train
from atrous.training.progress import Progress
from atrous.training.recipes import recipe
from atrous.training.run import Run
from atrous.training.start import fresh_state


@dataclass(frozen=True)
class Options:
    """Train on a data set by a recipe. Every setting of the recipe and of its model is an option.

    The run folder holds config.json, metrics.jsonl, report.html (curves and pictures, refreshed while training),
    last.safetensors and best.safetensors. The same command again goes on where it was interrupted.

    Example: atrous train street/ --recipe finetune --out runs/street --iterations 3000
    """

    data: tyro.conf.Positional[Path]
    """Folder of images/ and masks/, or CamVid in the SegNet layout."""
    out: Path
    """Run folder."""
    config: TrainConfig
    recipe: str = "finetune"
    """Where the settings start from: camvid, finetune, scenes."""
    model: str = ""
    """Another model than the recipe's, by name."""
    split: str = "train"
    """Part of the data to train on."""
    val_split: str = "val"
    """Part to validate on."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    device: Device = "auto"
    """Where to train."""


def main(arguments: Sequence[str]) -> int:
    """Train, or go on training; returns the exit status."""
    options = _options(arguments)
    device = choose_device(options.device)
    data = open_data(options.data, split=options.split, schema=options.schema)
    validation = open_data(options.data, split=options.val_split, schema=options.schema)
    config = replace(options.config, model=replace(options.config.model, classes=len(data.labels)))
    run = Run(options.out, settings={"training": config, "data": data.describe(), "validation": validation.describe()})
    with console.status(f"reading {len(data)} images to train on, {len(validation)} to validate on"):
        data, validation = CachedDataSet(data), CachedDataSet(validation)
    with console.status("preparing the model"):
        state = fresh_state(config, data=data, device=device, unfold=not run.state.exists())
    with run.locked():
        run.resume(state)
        console.print(
            f"{len(data)} images to train on, {len(validation)} to validate on, {len(data.labels)} classes; "
            f"{state.iteration} of {config.iterations} iterations are done",
            soft_wrap=True,
        )
        follow(state, config, data=data, validation=validation, run=run, device=device)
    miou, iteration = state.best
    print(f"last  {run.last}")
    if iteration:
        print(f"best  {run.best} (mIoU {miou:.4f} on {options.val_split} at iteration {iteration})")
    print(f"page  {run.page}")
    return 0


def _options(arguments: Sequence[str]) -> Options:
    """The options; recipe and model first, because they are what the other settings start from."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", nargs="?", default=Options.recipe)
    first.add_argument("--model", nargs="?", default=Options.model)
    start, _ = first.parse_known_args(arguments)
    config = recipe(start.recipe or Options.recipe)
    if start.model:
        config = replace(config, model=preset(start.model))
    fields = [("config", TrainConfig, config)]
    kind = make_dataclass("Options", fields, bases=(Options,), frozen=True, namespace={"__doc__": Options.__doc__})
    options: Options = parse(kind, arguments, verb="train")
    if options.config.model.classes != config.model.classes:
        raise InputError("--classes is not for training: the data's schema.toml says which classes there are")
    return options


def follow(
    state: TrainingState, config: TrainConfig, *, data: DataSet, validation: DataSet, run: Run, device: torch.device
) -> None:
    """Run the loop with progress, time left, and a line per validation.

    Raises:
        InputError: As `train` does, and if the device's memory is too small.
    """
    with progress_bar() as progress:
        task = progress.add_task("training", total=config.iterations, completed=state.iteration)
        pictures = progress.add_task("validating", total=len(validation), visible=False)

        def show(done: int, whole: int) -> None:
            progress.update(pictures, completed=done, total=whole, visible=done < whole)

        try:
            for event in train(
                state, config, data=data, validation=validation, run=run, device=device, validating=show
            ):
                if isinstance(event, Progress):
                    progress.update(task, completed=event.iteration, description=_line(event, config))
                else:
                    miou = event.report.miou
                    shown = "nothing labelled" if miou is None else f"mIoU {miou:.4f}"
                    progress.console.print(f"iteration {event.iteration}: {shown}")
        except (torch.OutOfMemoryError, MemoryError) as error:
            height, width = config.crop
            raise InputError(
                f"{device} ran out of memory; lower --batch-size ({config.batch_size}) or --crop ({height} {width})"
            ) from error


def _line(event: Progress, config: TrainConfig) -> str:
    """What is told while the loop works towards its next event."""
    if config.validates(event.iteration):
        return f"loss {event.loss:.3f}  validating"
    share = event.data_seconds / event.seconds
    return f"loss {event.loss:.3f}  rate {event.rate:.4f}  {event.seconds:.2f} s/step, {share:.0%} on data"
