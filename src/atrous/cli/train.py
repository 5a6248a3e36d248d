"""`atrous train DATA --recipe R --out RUN`: trains by a recipe, or resumes an interrupted run."""

import argparse
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path

import torch
import tyro

from atrous.cli.console import console
from atrous.cli.doctor import examined
from atrous.cli.inference import Device, choose_device
from atrous.cli.options import parse
from atrous.cli.training_display import follow
from atrous.data.cache import CachedDataSet
from atrous.data.dataset import DataSet, open_splits
from atrous.data.doctor import Grade
from atrous.data.selection import first_of
from atrous.errors import InputError
from atrous.model.presets import preset
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.fitting import facts_of
from atrous.training.preflight import deviations
from atrous.training.recipes import Recipe, recipe
from atrous.training.replicas import Replicas, started_replicas
from atrous.training.run import STATE_FILE, Run
from atrous.training.stages import SecondStage, Stage
from atrous.training.start import check_classes
from atrous.training.tensorboard import TensorBoardWriter, require_tensorboard


@dataclass(frozen=True)
class Options:
    """Train on a data set by a recipe. Every setting of the recipe and of its model is an option.

    The run folder holds config.json, metrics.jsonl, report.html (curves and pictures, refreshed while training),
    last.safetensors and best.safetensors. The same command resumes an interrupted run.

    If a recipe has two stages, the run folder is that of the second, and its `stage1/` that of the first.

    Several GPUs share every batch if torchrun starts a process for each: torchrun --nproc-per-node 4 -m atrous train
    with the same options.

    Example: atrous train street/ --recipe finetune --out runs/street --iterations 3000
    """

    data: tyro.conf.Positional[Path]
    """Folder of images/ and masks/, or CamVid in the SegNet layout."""
    out: Path
    """Run folder."""
    config: TrainConfig
    second: SecondStage
    split: str
    """Split of the data to train on."""
    recipe: str = "finetune"
    """Recipe with the default settings: ade20k, camvid, cityscapes, coco, finetune, scenes, voc, voc-coco."""
    model: str = ""
    """Name of another model than the recipe's."""
    val_split: str = "val"
    """Split of the data to validate on."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    overfit: int = 0
    """Train and validate on this many first images, to test if a network can learn them by heart; 0 is all."""
    tensorboard: bool = False
    """Write the curves for TensorBoard, too, to `tensorboard/` in the run folder."""
    device: Device = "auto"
    """Device to train on."""


def main(arguments: Sequence[str]) -> int:
    """Train, or resume training; returns the exit status."""
    replicas = started_replicas()
    console.quiet = not replicas.leads
    options, splits = _options(arguments, leads=replicas.leads)
    device = replicas.own(choose_device(options.device))
    stages = _stages(options, splits, replicas=replicas)
    if options.tensorboard:
        require_tensorboard()
    first, *later = stages
    # Before the lock: a start that fails leaves no folder behind.
    ready, state = _prepared(first, device=device, replicas=replicas)
    with replicas.joined(device), stages[-1].run.locked() if replicas.leads else nullcontext():
        _train(ready, state, device=device, replicas=replicas, tensorboard=options.tensorboard)
        for stage in later:
            ready, state = _prepared(stage, device=device, replicas=replicas, before=ready)
            _train(ready, state, device=device, replicas=replicas, tensorboard=options.tensorboard)
    if replicas.leads:
        _print_paths(ready.run, best=state.best, split=options.val_split)
    return 0


def _print_paths(run: Run, *, best: tuple[float, int], split: str) -> None:
    miou, iteration = best
    print(f"last  {run.last}")
    if iteration:
        print(f"best  {run.best} (mIoU {miou:.4f} on {split} at iteration {iteration})")
    print(f"page  {run.page}")


def _options(arguments: Sequence[str], *, leads: bool) -> tuple[Options, dict[str, DataSet]]:
    """Return the options and the data by split; defaults of the settings depend on recipe, model and data.

    Of several replicas only the leading one checks all files; if it finds an error, all of them end.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", nargs="?", default=Options.recipe)
    first.add_argument("--model", nargs="?", default=Options.model)
    start, _ = first.parse_known_args(arguments)
    chosen = recipe(start.recipe or Options.recipe)
    if start.model:
        chosen = replace(chosen, config=replace(chosen.config, model=preset(start.model)))
    options = _parsed(arguments, chosen)
    if leads:
        _check_data(options)
    splits = _opened(options)
    if chosen.fit:
        facts = facts_of(splits[options.split], splits[_validated(options)])
        options = _parsed(arguments, replace(chosen, config=chosen.fit(chosen.config, facts)))
    return options, splits


def _check_data(options: Options) -> None:
    """Raise InputError for errors that the doctor finds; a resumed run was checked when it began."""
    folders = (options.out, options.out / "stage1")
    if options.overfit or any(os.path.exists(folder / STATE_FILE) for folder in folders):
        return
    diagnosis = examined(options.data, splits=_splits(options), schema=options.schema)
    if diagnosis.errors:
        others = len(diagnosis.errors) - 1
        more = (
            f"; and {others} more error{'s' * (others > 1)}: atrous doctor {options.data} lists all" if others else ""
        )
        raise InputError(f"{diagnosis.errors[0].line}{more}")
    if warnings := [finding for finding in diagnosis.findings if finding.grade == Grade.WARNING]:
        line = (
            f"{len(warnings)} warning{'s' * (len(warnings) > 1)} about the data: atrous doctor {options.data} lists all"
        )
        console.print(line, soft_wrap=True, markup=False)


def _parsed(arguments: Sequence[str], start: Recipe) -> Options:
    fields = [("config", TrainConfig, start.config), ("second", SecondStage, start.second), ("split", str, start.split)]
    kind = make_dataclass("Options", fields, bases=(Options,), frozen=True, namespace={"__doc__": Options.__doc__})
    options: Options = parse(kind, arguments, verb="train")
    if options.config.model.classes != start.config.model.classes:
        raise InputError("--classes is not for training: the data's schema.toml says which classes there are")
    return options


def _splits(options: Options) -> list[str]:
    """The splits of the data that are used, each once."""
    later = [options.second.second_split] if options.second.second_iterations else []
    return [*dict.fromkeys([options.split, _validated(options), *later])]


def _validated(options: Options) -> str:
    """The split of the data to validate on."""
    return options.split if options.overfit else options.val_split


def _opened(options: Options) -> dict[str, DataSet]:
    splits = open_splits(options.data, splits=_splits(options), schema=options.schema)
    return {name: first_of(data, options.overfit) for name, data in splits.items()} if options.overfit else splits


def _stages(options: Options, splits: Mapping[str, DataSet], *, replicas: Replicas) -> list[Stage]:
    """Return one stage or two; their run folders and class names are checked before anything starts."""
    if options.config.replicas not in (1, replicas.size):
        raise InputError(
            f"--replicas {options.config.replicas}, but {replicas.size} started; leave it out, and start with "
            f"torchrun --nproc-per-node {options.config.replicas} -m atrous train"
        )
    data, validation = splits[options.split], splits[_validated(options)]
    model = replace(options.config.model, classes=len(data.labels))
    config = replace(options.config, model=model, replicas=replicas.size)
    parts = [(config, data, False)]
    if options.second.second_iterations:
        parts.append((options.second.after(config), splits[options.second.second_split], True))
    stages = []
    for number, (config, data, second) in enumerate(parts, start=1):
        check_classes(config, space=data.labels)
        folder = options.out if number == len(parts) else options.out / f"stage{number}"
        about = {"training": config, "data": data.describe(), "validation": validation.describe()}
        stages.append(Stage(config, data, validation, Run(folder, settings=about), second=second))
    return stages


def _prepared(
    stage: Stage, *, device: torch.device, replicas: Replicas, before: Stage | None = None
) -> tuple[Stage, TrainingState]:
    """Return the stage with its images in memory, and its initial state."""
    with console.status(f"reading {len(stage.data)} images to train on, {len(stage.validation)} to validate on"):
        stage = replace(stage, data=CachedDataSet(stage.data))
        if replicas.leads:  # the others do not validate
            stage = replace(stage, validation=CachedDataSet(stage.validation))
    with console.status("preparing the model"):
        return stage, stage.fresh_state(device=device, before=before)


def _train(stage: Stage, state: TrainingState, *, device: torch.device, replicas: Replicas, tensorboard: bool) -> None:
    """Train from the state in the run folder; a new stage first lists its deviations from the papers."""
    config, data = stage.config, stage.data
    if not stage.resume(state, replicas=replicas):
        found = deviations(config, data, second=stage.second)
        console.print(f"{len(found)} points differ from the papers' protocol" + ":" * bool(found))
        for deviation in found:
            console.print(f"  {deviation}", soft_wrap=True, markup=False)
    console.print(
        f"{len(data)} images to train on, {len(stage.validation)} to validate on, {len(data.labels)} classes; "
        + f"{replicas.size} replicas; " * (replicas.size > 1)
        + f"{state.iteration} of {config.iterations} iterations are done",
        soft_wrap=True,
    )
    boarded = tensorboard and replicas.leads
    with TensorBoardWriter(stage.run.folder, done=state.iteration) if boarded else nullcontext() as board:
        follow(state, stage, device=device, replicas=replicas, board=board)
    if state.iteration < config.iterations:
        console.print(f"{config.patience} validations without a better one: ended after {state.iteration} iterations")
