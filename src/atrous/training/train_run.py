"""Training as one call: settings from a recipe, data and the caller, then one run folder per stage."""

import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from atrous.data.cache import CachedDataSet
from atrous.data.dataset import DataSet
from atrous.data.fingerprint import fingerprint
from atrous.errors import InputError
from atrous.inference.device import Device, choose_device, device_memory
from atrous.model.any_backbone import with_backbone, without_fine_decoder
from atrous.model.config import ModelConfig
from atrous.model.presets import preset
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig, least_norm_momentum
from atrous.training.fitting import facts_of, short_run_norm_momentum
from atrous.training.loop import require_finite
from atrous.training.loss import LossFunction
from atrous.training.observers import Observer, RunStart, check_observers, notify
from atrous.training.recipes import Recipe
from atrous.training.recipes import recipe as named_recipe
from atrous.training.replicas import SINGLE_PROCESS, Replicas
from atrous.training.report import NamedConfig
from atrous.training.resumed_recipe import has_begun, resumed_recipe
from atrous.training.run import Run
from atrous.training.run_data import opened_data
from atrous.training.settings import check_names, flat_settings, replaced_settings, with_settings
from atrous.training.stages import SecondStage, Stage
from atrous.training.start import check_classes
from atrous.training.step_memory import memory_remedy, step_memory
from atrous.training.teacher import load_teacher
from atrous.training.unlabelled import unlabelled_pictures
from atrous.training.user_data import as_data_set

_LOGGER = logging.getLogger(__name__)

Status = Callable[[str], AbstractContextManager[object]]
"""Shows a line of text while its context is open."""


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Attributes:
        folder: Run folder.
        last: Archive with the last weights.
        best: Archive with the best weights of a validation; None without validations.
        miou: Best mIoU (0..1) of a validation; None without validations.
        iterations: Number of steps that were done.
        best_iteration: Number of steps before the best validation; 0 without validations.
    """

    folder: Path
    last: Path
    best: Path | None
    miou: float | None
    iterations: int
    best_iteration: int


def train(
    data: str | Path | DataSet | Sequence[Any],
    *,
    out: str | Path,
    recipe: str = "finetune",
    validation: DataSet | Sequence[Any] | None = None,
    model: str | ModelConfig | None = None,
    backbone: str | None = None,
    classes: Sequence[str] | None = None,
    split: str | None = None,
    val_split: str = "val",
    schema: str | Path | None = None,
    loss: LossFunction | None = None,
    observers: Sequence[Observer] = (),
    device: Device = "auto",
    **settings: Any,
) -> TrainedRun:
    """Train on a data set by a recipe, or resume the run in the folder `out`.

    Args:
        data: A folder, a data set, or a sequence of samples or (image, labels) pairs.
        out: Run folder; with two stages that of the second, and `stage1` in it that of the first.
        recipe: Name of the recipe with the default settings.
        validation: Validation data, if `data` is not a folder; without it there are no validations.
        model: Name of a preset, or a configuration; by default the recipe's.
        backbone: `timm:NAME` for the model over a network of timm, whose weights come from timm's hub unless
            `backbone_weights` says otherwise.
        classes: Names of the classes of a sequence of pairs.
        split: Split of a folder to train on; by default the recipe's.
        val_split: Split of a folder to validate on; `none` trains on all pictures and validates on none.
        schema: The meaning of the masks of a folder, if it is not in the folder.
        loss: Function of coarse logits and labels that replaces the recipe's loss.
        observers: Called after reports and validations.
        device: Device to train on: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`, a number, or a device of torch.
        settings: Any setting of the recipe by its name, such as `iterations`, `learning_rate` or `teacher`;
            `epochs` in place of `iterations` is converted. A recipe with a second stage, or `second_iterations`, adds
            that stage: on the split `second_split` of a folder, on the same samples of a sequence.

    Raises:
        InputError: If settings, data or folder cannot be used, or the loss stops being finite.
    """
    check_observers(observers)
    chosen_device, out = choose_device(device), Path(out)
    start = chosen_recipe(recipe, model=model, backbone=backbone, out=out, device=chosen_device)
    split = start.split if split is None else split
    later = with_settings(start.second, settings).later_split
    if isinstance(data, str | Path):
        folder, meaning = Path(data), None if schema is None else Path(schema)
        splits, held_out = opened_data(folder, split, val_split, later=later, schema=meaning)
    else:
        training = as_data_set(data, classes=classes)
        splits = dict.fromkeys((split, *later), training)
        held_out = None if validation is None else as_data_set(validation, classes=training.labels)
    config, second = configured(start, settings, data=splits[split], validation=held_out)
    stages = plan_stages(
        config, second, data=splits, split=split, validation=held_out, out=out, loss=loss, recipe=start
    )
    log_start(start, settings, out=out)
    return run_stages(stages, device=chosen_device, observers=observers)


def chosen_recipe(
    name: str,
    *,
    model: str | ModelConfig | None = None,
    backbone: str | None = None,
    out: Path | None = None,
    device: torch.device | None = None,
) -> Recipe:
    """Return a recipe for a device, with another model or backbone if one is given, or as the run in `out` began.

    Raises:
        InputError: If there is no such recipe or model.
    """
    start = named_recipe(name)
    if device is not None:
        start = start.with_device(device)
    if model:
        start = start.with_model(preset(model) if isinstance(model, str) else model)
    if backbone:
        start = start.with_model(with_backbone(without_fine_decoder(start.config.model), backbone))
    return start if out is None else resumed_recipe(start, out, keep_model=bool(model or backbone))


def log_start(start: Recipe, settings: Mapping[str, Any], *, out: Path) -> None:
    """Log the weights that a recipe has chosen to start from; not where they were given, or where a run resumes."""
    if start.start and not {"backbone_weights", "weights"} & settings.keys() and not has_begun(out):
        _LOGGER.warning("%s", start.start)


def configured(
    start: Recipe, settings: Mapping[str, Any], *, data: DataSet, validation: DataSet | None
) -> tuple[TrainConfig, SecondStage]:
    """Settings of a recipe, then what it chooses from the data, then the caller's.

    For fewer steps than the recipe's norm momentum is made for, a larger one is taken, unless it is given.

    Raises:
        InputError: If a setting does not exist or has an impossible value.
    """
    chosen = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    epochs = chosen.pop("epochs", None)
    known = {**flat_settings(start.config), **flat_settings(start.second)}
    check_names(chosen, {**known, "epochs": None})
    config = start.config
    if start.fit:
        config = start.fit(config, facts_of(data, validation if validation is not None else data))
    if epochs is not None:
        chosen["iterations"] = _iterations(epochs, chosen, config=config, data=data)
    iterations = chosen.get("iterations", config.iterations)
    norms = chosen.get("norms", config.norms)
    if "norm_momentum" not in chosen and norms == "trained" and isinstance(iterations, int) and iterations > 0:
        least = (short_run_norm_momentum if start.fit else least_norm_momentum)(iterations)
        if least > config.norm_momentum:
            chosen["norm_momentum"] = least
            _LOGGER.warning(
                "norm momentum %g in place of %g, for a run of %d steps", least, config.norm_momentum, iterations
            )
    chosen |= replaced_settings(chosen)
    if "crop" in chosen and isinstance(chosen["crop"], int):
        chosen["crop"] = (chosen["crop"], chosen["crop"])
    return with_settings(config, chosen), with_settings(start.second, chosen)


def plan_stages(
    config: TrainConfig,
    second: SecondStage,
    *,
    data: Mapping[str, DataSet],
    split: str,
    validation: DataSet | None,
    out: Path,
    replicas: Replicas = SINGLE_PROCESS,
    loss: LossFunction | None = None,
    recipe: Recipe | None = None,
) -> list[Stage]:
    """Return one stage or two; their run folders and class names are checked before anything starts.

    Args:
        config: Settings of the first stage; its number of classes is replaced by the data's.
        second: Changes in the second stage.
        data: Training data by split.
        split: Split of the first stage.
        validation: Validation data; None for no validations.
        out: Run folder; with two stages that of the second, and `stage1` in it that of the first.
        replicas: Processes that train together.
        loss: Replaces the loss of the settings.
        recipe: The recipe that the settings came from, for the page.

    Raises:
        InputError: If a folder holds another run or cannot be written to, or settings contradict the data.
    """
    if config.replicas not in (1, replicas.size):
        raise InputError(
            f"--replicas {config.replicas}, but {replicas.size} started; leave it out, and start with "
            f"torchrun --nproc-per-node {config.replicas} -m atrous train"
        )
    if validation is None and config.patience:
        raise InputError("patience needs validations; choose a validation split, or set patience to 0")
    training = data[split]
    config = replace(config, model=replace(config.model, classes=len(training.labels)), replicas=replicas.size)
    parts = [(config, training, False)]
    if second.second_iterations:
        parts.append((second.after(config), data[second.second_split], True))
    learned = config.distillation
    teacher = load_teacher(config, labels=training.labels) if learned.teacher else None
    pictures = None
    if learned.unlabelled:
        pictures = unlabelled_pictures(learned.unlabelled, data=training, channels=config.model.in_channels)
    files = {"validation": None if validation is None else fingerprint(validation)}
    if pictures is not None:
        files["unlabelled"] = fingerprint(pictures)
    stages = []
    for number, (settings, samples, is_second) in enumerate(parts, start=1):
        check_classes(settings, space=samples.labels)
        folder = out if number == len(parts) else out / f"stage{number}"
        about: dict[str, Any] = {"training": settings, "data": samples.describe()}
        about["validation"] = None if validation is None else validation.describe()
        about["files"] = {"training": fingerprint(samples), **files}
        if teacher is not None:
            about["teacher"] = teacher.sha256
        about["label_space"] = {"names": samples.labels.names, "ignore": samples.labels.ignore}
        if loss is not None:
            about["loss_function"] = (
                f"{getattr(loss, '__module__', '')}.{getattr(loss, '__qualname__', type(loss).__name__)}"
            )
        run = Run(folder, settings=about, recipe=NamedConfig(recipe.name, recipe.config) if recipe else None)
        stage = Stage(
            settings, samples, validation, run, second=is_second, loss=loss, teacher=teacher, unlabelled=pictures
        )
        stages.append(stage)
    return stages


def run_stages(
    stages: Sequence[Stage],
    *,
    device: torch.device,
    replicas: Replicas = SINGLE_PROCESS,
    observers: Sequence[Observer] = (),
    status: Status = lambda _: nullcontext(),
    resume_previous: bool = False,
) -> TrainedRun:
    """Train the stages one after the other, each from where its run folder stands.

    Args:
        stages: As `plan_stages` returns them.
        device: Device to train on.
        replicas: Processes that train together.
        observers: Called by the leading process.
        status: Shows what is done before training starts.
        resume_previous: Resume from the state before the newest one.

    Raises:
        InputError: If a state cannot be built or loaded, training fails, or the device's memory is too small.
    """
    first, *later = stages
    # Before the lock: a start that fails leaves no folder behind.
    ready, state = _prepared(first, device=device, replicas=replicas, status=status)
    with replicas.process_group(device), stages[-1].run.locked() if replicas.is_rank_0 else nullcontext():
        _run_stage(ready, state, device=device, replicas=replicas, observers=observers, previous=resume_previous)
        for stage in later:
            ready, state = _prepared(stage, device=device, replicas=replicas, status=status, before=ready)
            _run_stage(ready, state, device=device, replicas=replicas, observers=observers, previous=False)
    miou, iteration = state.best
    run = ready.run
    return TrainedRun(
        run.folder, run.last, run.best if iteration else None, miou if iteration else None, state.iteration, iteration
    )


def _prepared(
    stage: Stage, *, device: torch.device, replicas: Replicas, status: Status, before: Stage | None = None
) -> tuple[Stage, TrainingState]:
    """Return the stage with its images in memory, and its initial state."""
    validated = 0 if stage.validation is None else len(stage.validation)
    without_labels = f", {len(stage.unlabelled)} without labels" if stage.unlabelled is not None else ""
    with status(f"reading {len(stage.data)} images to train on, {validated} to validate on{without_labels}"):
        stage = replace(stage, data=CachedDataSet(stage.data))
        if replicas.is_rank_0 and stage.validation is not None:  # the others do not validate
            stage = replace(stage, validation=CachedDataSet(stage.validation))
        if stage.unlabelled is not None:
            stage = replace(stage, unlabelled=CachedDataSet(stage.unlabelled))
    with status("preparing the model"):
        return stage, stage.fresh_state(device=device, before=before)


def _run_stage(
    stage: Stage,
    state: TrainingState,
    *,
    device: torch.device,
    replicas: Replicas,
    observers: Sequence[Observer],
    previous: bool,
) -> None:
    config = stage.config
    stage.resume(state, replicas=replicas, previous=previous)
    watching = observers if replicas.is_rank_0 else ()
    start = RunStart(stage.run.folder, state.iteration, config.iterations, stage.run.settings)
    try:
        for observer in watching:
            observer.on_start(start)
        for event in stage.events(state, device=device, replicas=replicas, validating=_validation_progress(watching)):
            _notify(watching, event, stage=stage, state=state)
    except (torch.OutOfMemoryError, MemoryError) as error:
        memory, available = step_memory(config, teacher=stage.teacher), device_memory(device)
        remedy = memory_remedy(memory, config, available=available)
        raise InputError(f"{device} ran out of memory; {remedy}") from error
    finally:
        for observer in watching:
            observer.on_end()


def _notify(observers: Sequence[Observer], event: Any, *, stage: Stage, state: TrainingState) -> None:
    """Call the observers; if one raises, save the state before the error goes on."""
    try:
        notify(observers, event)
    except Exception:
        require_finite(state)
        stage.run.save(state)
        raise


def _validation_progress(observers: Sequence[Observer]) -> Callable[[int, int], None]:
    def on_progress(done: int, total: int) -> None:
        for observer in observers:
            observer.on_validation_progress(done, total)

    return on_progress


def _iterations(epochs: Any, settings: Mapping[str, Any], *, config: TrainConfig, data: DataSet) -> int:
    """Convert epochs to steps, and say so."""
    if "iterations" in settings:
        raise InputError("epochs and iterations both say how long to train; give one of them")
    if not isinstance(epochs, int | float) or not 0 < epochs < math.inf:
        raise InputError(f"epochs {epochs} is out of range; choose a number above 0")
    names = ("batch_size", "accumulate", "teacher", "unlabelled", "unlabelled_share")
    batch = with_settings(config, {name: settings[name] for name in names if name in settings}).labelled_crops
    iterations = max(1, math.ceil(epochs * len(data) / batch))
    counted = f"{epochs:g} epoch{'s' * (epochs != 1)} of {len(data)} images"
    _LOGGER.warning("%s in batches of %d are %d iterations", counted, batch, iterations)
    return iterations


def default_folder(data: Path) -> Path:
    """Run folder that is taken where none is given: `runs/` and the name of the data folder."""
    return Path("runs") / (Path(os.path.abspath(data)).name or "run")
