"""`atrous train DATA --recipe R --out RUN`: trains by a recipe, or resumes an interrupted run."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from atrous.cli.console import console
from atrous.cli.doctor import examined
from atrous.cli.dry_run import print_dry_run
from atrous.cli.options import given_names, normalized, parse_normalized
from atrous.cli.remote_data import is_address, local_data
from atrous.cli.training_display import TerminalDisplay
from atrous.data.complaints import ASSUMED
from atrous.data.dataset import DataSet
from atrous.data.doctor import Grade
from atrous.data.doctor.diagnose import LISTED_CLASSES
from atrous.data.formats.truncated import accept_truncated
from atrous.data.selection import first_of
from atrous.errors import InputError
from atrous.inference.device import choose_device
from atrous.training.config import TrainConfig
from atrous.training.observers import Observer
from atrous.training.recipes import Recipe
from atrous.training.replicas import Replicas, replicas_from_environment
from atrous.training.resumed_recipe import has_begun
from atrous.training.run_data import NO_VALIDATION, fold_data, opened_data
from atrous.training.settings import flat_settings, replaced_settings, with_settings
from atrous.training.stages import SecondStage, Stage
from atrous.training.trackers import MlflowObserver, TensorBoardObserver, WandbObserver
from atrous.training.train_run import (
    TrainedRun,
    chosen_recipe,
    configured,
    default_folder,
    log_start,
    plan_stages,
    run_stages,
)

OLD_SPELLINGS = {"--flip": "--flip-probability", "--second-copies": "--second-hard-copies"}
"""Options of this verb that were renamed; the old names are still accepted."""

_SHOWN_WARNINGS = 3
"""Number of the doctor's warnings that are printed before training starts."""


@dataclass(frozen=True)
class Options:
    """Train on a data set by a recipe. Every setting of the recipe and of its model is an option.

    The run folder holds config.json, metrics.jsonl, report.html (curves and pictures, refreshed while training),
    last.safetensors and best.safetensors. The same command resumes an interrupted run.

    If a recipe has two stages, the run folder is that of the second, and its `stage1/` that of the first.

    Several GPUs share every batch if torchrun starts a process for each: torchrun --nproc-per-node 4 -m atrous train
    with the same options.

    `--help` shows the options that matter most, `--help-all` all of them.

    Example: atrous train street/ --recipe finetune --out runs/street --iterations 3000
    """

    data: tyro.conf.Positional[Path]
    """Folder of images/ and masks/, or CamVid in the SegNet layout; or its address on remote storage, such as
    s3://bucket/street, from where it is copied to the cache first (needs the extra `ray`)."""
    config: TrainConfig
    second: SecondStage
    split: str
    """Split of the data to train on."""
    recipe: str = "finetune"
    """Recipe with the default settings: ade20k, camvid, cityscapes, coco, finetune, scenes, voc, voc-coco."""
    out: Path | None = None
    """Run folder; by default runs/ and the name of the data folder."""
    model: str = ""
    """Name of another model than the recipe's."""
    backbone: str = ""
    """Network of the library timm as the model's backbone: timm:NAME, such as timm:resnet50d."""
    val_split: str = "val"
    """Split of the data to validate on; none trains on all pictures and validates on none."""
    folds: int = 0
    """Train this many times, each time validating on another part of all pictures, and report the mean; 0 is once."""
    epochs: float = 0.0
    """Length of the training in passes over the data, converted to iterations; 0 uses --iterations."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    truncated: bool = False
    """Read JPEGs whose end is missing; what is missing is grey."""
    overfit: int = 0
    """Train and validate on this many first images, to test if a network can learn them by heart; 0 is all."""
    tensorboard: bool = False
    """Write the curves for TensorBoard, too, to `tensorboard/` in the run folder."""
    wandb: bool = False
    """Log to Weights & Biases, too; WANDB_MODE=offline needs no account."""
    mlflow: bool = False
    """Log to MLflow, too; MLFLOW_TRACKING_URI names server or folder."""
    resume_previous: bool = False
    """Resume from the state before the newest one, if that is damaged."""
    dry_run: bool = False
    """Try a few steps, print what the run would need in memory and time, and write nothing."""
    deterministic: bool = False
    """Compute on one thread of the CPU, so that the weights do not depend, in the last bits, on how many there are."""
    device: str = "auto"
    """Device to train on: auto, cpu, cuda, cuda:1, mps."""


@dataclass(frozen=True)
class MainOptions:
    """Train on a data set by a recipe, or resume an interrupted run with the same command.

    These are the options that matter most; `--help-all` shows every setting of the recipe and of its model.

    Example: atrous train street/ --recipe finetune --out runs/street --iterations 3000
    """

    data: tyro.conf.Positional[Path]
    """Folder of images/ and masks/, or a published data set."""
    recipe: str = Options.recipe
    """Recipe with the default settings: ade20k, camvid, cityscapes, coco, finetune, scenes, voc, voc-coco."""
    out: Path | None = None
    """Run folder; by default runs/ and the name of the data folder."""
    model: str = ""
    """Name of another model than the recipe's."""
    iterations: int | None = None
    """Number of steps; finetune chooses it from the data."""
    epochs: float = 0.0
    """Length in passes over the data instead; 0 uses --iterations."""
    batch_size: int = 16
    """Number of crops per step."""
    crop: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="HEIGHT WIDTH")] = None
    """Height and width of a crop in pixels; finetune chooses it from the data."""
    learning_rate: float = 0.007
    """Initial learning rate."""
    backbone_weights: str | None = None
    """File or name of ImageNet weights for the backbone."""
    weights: str | None = None
    """Archive of the same network to start from."""
    val_split: str = "val"
    """Split to validate on; none trains on all pictures."""
    dry_run: bool = False
    """Try a few steps, print memory and time of the run, and write nothing."""
    device: str = "auto"
    """Device to train on: auto, cpu, cuda, cuda:1, mps."""


def main(arguments: Sequence[str]) -> int:
    """Train, or resume training; returns the exit status."""
    replicas = replicas_from_environment()
    console.quiet = not replicas.is_rank_0
    words = normalized(arguments, aliases=OLD_SPELLINGS)
    start = _recipe(words)
    if {"-h", "--help"} & {*words}:
        parse_normalized(MainOptions, words, verb="train", default=_main_defaults(start))
    options = _parsed(words, start)
    options = replace(options, data=local_data(options.data))
    accept_truncated(accepted=options.truncated)
    device = replicas.local_device(choose_device(options.device))
    if options.deterministic:
        torch.set_num_threads(1)
    out = options.out or default_folder(options.data)
    if replicas.is_rank_0:
        _check_data(options, out)
    settings = _given_settings(options, words)
    trackers = _trackers(options)
    if replicas.is_rank_0:
        log_start(start, settings, out=out)
    if options.dry_run:
        if replicas.size > 1:
            raise InputError("--dry-run tries one process; start it without torchrun")
        data, validation = _opened(options)
        stages = _stages(options, start, settings, data, validation, out, replicas)
        print_dry_run(stages, device=device, times=max(options.folds, 1))
        return 0
    if not options.folds:
        data, validation = _opened(options)
        stages = _stages(options, start, settings, data, validation, out, replicas)
        done = _run(stages, options, start, device, replicas, trackers)
        if replicas.is_rank_0:
            _print_paths(done, split=options.val_split)
        return 0
    splits, _ = opened_data(options.data, options.split, NO_VALIDATION, schema=options.schema)
    scores = []
    for fold, (training, held_out) in enumerate(fold_data(splits[options.split], options.folds), start=1):
        parts = {options.split: training}
        stages = _stages(options, start, settings, parts, held_out, out / f"fold{fold}", replicas)
        done = _run(stages, options, start, device, replicas, trackers)
        scores.append(done.miou or 0.0)
    if replicas.is_rank_0:
        mean = sum(scores) / len(scores)
        print(f"mIoU  {mean:.4f}, the mean of {', '.join(f'{score:.4f}' for score in scores)}")
        print(f"runs  {out}/fold1 to {out}/fold{options.folds}")
    return 0


def _run(
    stages: Sequence[Stage],
    options: Options,
    start: Recipe,
    device: torch.device,
    replicas: Replicas,
    trackers: list[Observer],
) -> TrainedRun:
    """Train the stages of one run, or of one fold."""
    display = TerminalDisplay(stages, of_papers=start.of_papers)
    done = run_stages(
        stages,
        device=device,
        replicas=replicas,
        observers=[display, *trackers],
        status=console.status,
        resume_previous=options.resume_previous,
    )
    if done.iterations < stages[-1].config.iterations:
        patience = stages[-1].config.patience
        console.print(f"{patience} validations without a better one: ended after {done.iterations} iterations")
    return done


def _stages(
    options: Options,
    start: Recipe,
    settings: dict[str, Any],
    data: dict[str, DataSet],
    validation: DataSet | None,
    out: Path,
    replicas: Replicas,
) -> list[Stage]:
    config, second = configured(start, settings, data=data[options.split], validation=validation)
    with console.status("looking at the files of the data"):
        return plan_stages(
            config,
            second,
            data=data,
            split=options.split,
            validation=validation,
            out=out,
            replicas=replicas,
            recipe=start,
        )


def _print_paths(done: TrainedRun, *, split: str) -> None:
    print(f"last  {done.last}")
    if done.best is not None:
        print(f"best  {done.best} (mIoU {done.miou:.4f} on {split} at iteration {done.best_iteration})")
    print(f"page  {done.folder / 'report.html'}")


def _recipe(words: Sequence[str]) -> Recipe:
    """The recipe, with the model, that arguments, device and run folder name; the other defaults depend on it."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", nargs="?", default=Options.recipe)
    first.add_argument("--model", nargs="?", default=Options.model)
    first.add_argument("--backbone", nargs="?", default=Options.backbone)
    first.add_argument("--device", nargs="?", default=Options.device)
    first.add_argument("--out", nargs="?", type=Path)
    given, rest = first.parse_known_args([*words])
    folders = [Path(word) for word in rest if not word.startswith("-") and (os.path.isdir(word) or is_address(word))]
    out = given.out or (default_folder(folders[0]) if folders else None)
    device = choose_device(given.device or Options.device)
    return chosen_recipe(
        given.recipe or Options.recipe, model=given.model, backbone=given.backbone, out=out, device=device
    )


def _main_defaults(start: Recipe) -> MainOptions:
    config = start.config
    return MainOptions(
        Path("DATA"),
        iterations=None if start.fit else config.iterations,
        batch_size=config.batch_size,
        crop=None if start.fit else config.crop,
        learning_rate=config.learning_rate,
        backbone_weights=config.backbone_weights,
    )


def _parsed(words: Sequence[str], start: Recipe) -> Options:
    """Parse the options; a norm momentum that is not given follows the number of steps later."""
    config = start.config
    if not {"--help", "--help-all"} & set(words):
        given = given_names(words)
        if "norm_momentum" not in given:
            config = replace(config, norm_momentum=1.0)
        elif "iterations" not in given:
            config = replace(config, iterations=10**9)
        config = with_settings(config, replaced_settings(dict.fromkeys(given, True)))
    fields = [("config", TrainConfig, config), ("second", SecondStage, start.second), ("split", str, start.split)]
    kind = make_dataclass("Options", fields, bases=(Options,), frozen=True, namespace={"__doc__": Options.__doc__})
    options: Options = parse_normalized(kind, words, verb="train")
    if "classes" in given_names(words):
        raise InputError("--classes is not for training: the data's schema.toml says which classes there are")
    return options


def _given_settings(options: Options, words: Sequence[str]) -> dict[str, Any]:
    """The settings of recipe and model that were given as options, by name."""
    given = given_names(words)
    known = {**flat_settings(options.config), **flat_settings(options.second)}
    settings = {name: value for name, value in known.items() if name in given}
    return {**settings, "epochs": options.epochs} if options.epochs else settings


def _trackers(options: Options) -> list[Observer]:
    trackers: list[Observer] = []
    if options.tensorboard:
        trackers.append(TensorBoardObserver())
    if options.wandb:
        trackers.append(WandbObserver())
    if options.mlflow:
        trackers.append(MlflowObserver())
    return trackers


def _check_data(options: Options, out: Path) -> None:
    """Raise InputError for errors that the doctor finds; a resumed run was checked when it began."""
    if options.overfit or has_begun(out):
        return
    diagnosis = examined(options.data, splits=_splits(options), schema=options.schema)
    if diagnosis.errors:
        others = len(diagnosis.errors) - 1
        more = (
            f"; and {others} more error{'s' * (others > 1)}: atrous doctor {options.data} lists all" if others else ""
        )
        raise InputError(f"{diagnosis.errors[0].line}{more}")
    for remark in diagnosis.survey.remarks:
        if remark.kind != ASSUMED:  # these are warnings
            console.print(remark.line, soft_wrap=True, markup=False)
    for finding in diagnosis.findings:
        if finding.kind == LISTED_CLASSES:
            console.print(finding.line, soft_wrap=True, markup=False)
    warnings = [finding for finding in diagnosis.findings if finding.grade == Grade.WARNING]
    for finding in warnings[:_SHOWN_WARNINGS]:
        console.print(f"warning: {finding.line}", soft_wrap=True, markup=False)
    if warnings:
        counted = f"{len(warnings)} warning{'s' * (len(warnings) > 1)}"
        line = f"{counted} about the data: atrous doctor {options.data} lists all"
        console.print(line, soft_wrap=True, markup=False)


def _splits(options: Options) -> list[str]:
    """The splits of the data that are used, each once."""
    validated = options.split if options.overfit else options.val_split
    names = [*dict.fromkeys([options.split, validated, *options.second.later_split])]
    return [name for name in names if name != NO_VALIDATION]


def _opened(options: Options) -> tuple[dict[str, DataSet], DataSet | None]:
    """The data by split, and the validation data."""
    val_split, later = options.split if options.overfit else options.val_split, options.second.later_split
    splits, validation = opened_data(options.data, options.split, val_split, later=later, schema=options.schema)
    if not options.overfit:
        return splits, validation
    splits: dict[str, DataSet] = {name: first_of(data, options.overfit) for name, data in splits.items()}
    return splits, splits[options.split]
