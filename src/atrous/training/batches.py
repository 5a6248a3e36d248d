"""The batches of a run: labelled crops, and beside them crops of unlabelled pictures if there are any."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

import torch
from jaxtyping import UInt8
from torch import Tensor

from atrous.data.dataset import DataSet
from atrous.data.loader import Batch, training_batches
from atrous.model.conventions import Conventions
from atrous.sizes import ceil_div
from atrous.training.config import SamplingConfig, TrainConfig
from atrous.training.replicas import SINGLE_PROCESS, Replicas
from atrous.training.sampling import training_transforms


def step_batches(
    config: TrainConfig,
    conventions: Conventions,
    *,
    data: DataSet,
    unlabelled: DataSet | None = None,
    start: int = 0,
    stop: int,
    replicas: Replicas = SINGLE_PROCESS,
) -> Iterator[tuple[Batch, Batch | None]]:
    """Labelled and unlabelled crops of the steps from `start` to before `stop`, of this replica's rows.

    Unlabelled crops are transformed like labelled ones, but drawn by a stream of their own; half of the workers load
    them. Their labels are those of `unlabelled.unlabelled_pictures`.

    Args:
        config: Settings of the run.
        conventions: Those of the model, not of the configuration.
        data: Labelled images, as often as an epoch shows them (`sampling.bootstrapped`).
        unlabelled: Pictures without labels.
        start: Number of the first step.
        stop: Number after that of the last step.
        replicas: Processes that share each batch.
    """
    workers = config.workers if unlabelled is None else ceil_div(config.workers, 2)

    def stream(source: DataSet, sampling: SamplingConfig, *, crops: int, seed: int) -> Iterator[Batch]:
        return training_batches(
            source,
            training_transforms(replace(config, sampling=sampling), conventions, space=data.labels),
            batch_size=crops,
            seed=seed,
            start=start,
            stop=stop,
            workers=workers,
            rows=replicas.rows(crops),
        )

    labelled = stream(data, config.sampling, crops=config.labelled_crops, seed=config.seed)
    if unlabelled is None:
        return zip(labelled, repeat(None))
    crops, seed = config.unlabelled_crops, config.seed + 2**32  # above all seeds of the settings
    return zip(labelled, stream(unlabelled, SamplingConfig(), crops=crops, seed=seed), strict=True)


def first_images(
    config: TrainConfig, conventions: Conventions, *, data: DataSet, unlabelled: DataSet | None = None, count: int
) -> Iterator[UInt8[Tensor, "b c h w"]]:
    """The images of the first steps of a run, at least `count`, in batches as training normalises in one process.

    They are the same at every call, and are cut anew: whole batches of steps, in the parts into which `accumulate`
    divides them.
    """
    of_a_step = config.labelled_crops + (config.unlabelled_crops if unlabelled is not None else 0)
    one_process = replace(config, workers=0)  # processes take longer to start than a few crops
    steps = step_batches(one_process, conventions, data=data, unlabelled=unlabelled, stop=ceil_div(count, of_a_step))
    for batches in steps:
        parts = (batch.images.chunk(config.accumulate) for batch in batches if batch is not None)
        for part in zip(*parts, strict=True):
            yield torch.cat(part)
