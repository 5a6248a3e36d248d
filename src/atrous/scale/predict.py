"""Prediction of many pictures on many machines by Ray Data: index, one model per worker, checkpoint, rows."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import ray
import ray.data
from ray.data.checkpoint import CheckpointConfig
from ray.exceptions import RayError

from atrous.errors import InputError
from atrous.inference.output_files import check_not_replaced
from atrous.scale.cluster import cluster
from atrous.scale.find_pictures import find_pictures
from atrous.scale.index import Index, write_index
from atrous.scale.job import Job, Outcome
from atrous.scale.outputs import Outputs
from atrous.scale.picture_worker import PictureWorker, WorkerSettings

BATCH = 64
"""Pictures that a worker has at a time."""

_ROUNDS = 8
"""Blocks per worker, so that slow workers delay the end by an eighth of their work."""

_LARGEST_BLOCK = 1024
"""Pictures in a block, which is done again as a whole where its worker dies."""


def predict_on_cluster(
    inputs: Sequence[str],
    outputs: Outputs,
    *,
    worker: WorkerSettings,
    settings: Mapping[str, Any],
    workers: int | None = None,
    gpus_per_worker: float = 0.0,
    progress: bool = False,
) -> Outcome:
    """Predict pictures by Ray; a prediction that was interrupted goes on where it was.

    The index is written before anything is predicted. Rows that are written are known to Ray's checkpoint, which leaves
    them out when the same prediction is started again. Blocks of pictures wait in Ray until a worker is free.

    Args:
        inputs: Paths, patterns and addresses, as `find_pictures` takes them.
        outputs: The way outputs are kept.
        worker: Settings of the workers.
        settings: Everything that results depend on, as JSON values; another prediction in the same folder is refused.
        workers: Number of workers; by default one for each processor of the cluster, or each GPU.
        gpus_per_worker: Share of a GPU that a worker has; 0 computes on processors.
        progress: If true, Ray shows its progress.

    Raises:
        InputError: If inputs give no picture, the folder holds another prediction, or Ray cannot go on.
    """
    job = outputs.job
    settings = {"inputs": [*inputs], **settings}
    if not job.is_begun(settings):
        _begin(job, inputs, settings, overlays=worker.overlays)
    pictures = len(Index(job.index))
    if job.outcome(pictures).done < pictures:
        with cluster() as processors:
            _run(outputs, worker, pictures, _number(workers, processors, gpus_per_worker), gpus_per_worker, progress)
    outcome = job.outcome(pictures)
    if outcome.done < pictures:
        raise InputError(
            f"{pictures - outcome.done} of {pictures} pictures have no result in {job.out.path}; "
            "start the same command again, it goes on with them"
        )
    return outcome


def _begin(job: Job, inputs: Sequence[str], settings: Mapping[str, Any], *, overlays: bool) -> None:
    found = find_pictures(inputs)
    job.index.filesystem.create_dir(job.index.path.rpartition("/")[0], recursive=True)
    job.rows.filesystem.create_dir(job.rows.path, recursive=True)
    write_index(job.index, found)
    if job.out.is_local:
        index = Index(job.index)
        names = [f"{job.out.path}/{row['name']}.png" for row in index.rows(range(len(index)))]
        check_not_replaced([picture.path for picture in found], names, overlays=overlays)
    job.begin(settings)


def _number(workers: int | None, processors: int, gpus_per_worker: float) -> int:
    if workers is not None:
        return workers
    if not gpus_per_worker:
        return processors
    return max(int(ray.cluster_resources().get("GPU", 0) / gpus_per_worker), 1)


def _run(
    outputs: Outputs,
    worker: WorkerSettings,
    pictures: int,
    workers: int,
    gpus_per_worker: float,
    progress: bool,  # noqa: FBT001
) -> None:
    job = outputs.job
    block = max(min(pictures // (workers * _ROUNDS), _LARGEST_BLOCK), 1)
    with _context(job, progress=progress):
        # The ids alone pass through Ray: workers read rows of the index, pictures and models by themselves.
        numbers = ray.data.range(pictures, override_num_blocks=-(-pictures // block))
        rows = numbers.map_batches(
            _Worker,
            fn_constructor_args=(ray.put(worker), outputs),
            batch_size=BATCH,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=0 if gpus_per_worker else 1,
            num_gpus=gpus_per_worker or None,
        )
        try:
            rows.write_parquet(
                job.rows.path,
                filesystem=job.rows.filesystem,
                min_rows_per_file=outputs.rows_per_file,
                ray_remote_args={"num_cpus": 0.5},
            )
        except (RayError, OSError) as error:
            cause = str(getattr(error, "cause", None) or error).strip().splitlines()[-1:]
            raise InputError(
                f"the prediction ended early: {''.join(cause)}; start the same command again, it goes on from there"
            ) from error


class _Worker:
    """A worker whose settings, with the weights in them, every machine has once."""

    def __init__(self, settings: ray.ObjectRef, outputs: Outputs) -> None:
        self._worker = PictureWorker(ray.get(settings), outputs)

    def __call__(self, batch: pa.Table) -> pa.Table:
        return self._worker(batch)


@contextmanager
def _context(job: Job, *, progress: bool) -> Iterator[None]:
    """Settings of Ray Data for one prediction; those before are restored."""
    context = ray.data.DataContext.get_current()
    before = context.checkpoint_config, context.enable_progress_bars
    context.checkpoint_config = CheckpointConfig(
        id_column="id",
        checkpoint_path=job.checkpoint.path,
        override_filesystem=job.checkpoint.filesystem,
        delete_checkpoint_on_success=False,
    )
    context.enable_progress_bars = progress
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.checkpoint_config, context.enable_progress_bars = before
