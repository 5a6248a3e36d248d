"""The stream of training batches: a pure function of data, seed and batch number.

Draw k of the stream is in epoch k // n, at place k % n of that epoch's permutation, with a random generator of its own.
Batch t holds the draws t * b .. t * b + b - 1. So batch t is the same for any number of workers and after a resume, and
no state needs to be saved but t. (The same release of numpy is presumed: it keeps bit streams, not distributions.)
"""

import functools
import logging
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Integer, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from atrous.data.dataset import DataSet
from atrous.data.sample import Sample
from atrous.data.transforms.flip_and_color import Transform
from atrous.errors import InputError

_LOGGER = logging.getLogger(__name__)

MOST_WORKERS = 256
"""More processes than this do not load faster on any machine: a number above it is a slip of the hand."""

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps the batches that workers hand over."""

LATE_SECONDS = 600.0
"""Wait for a batch after which its workers count as stuck."""

_PREFETCH = 2
"""Batches that each worker makes ahead: torch's own number."""

_ORDER, _DRAW = 0, 1  # first words of the seeds of permutations and of draws, which must never coincide


@dataclass(frozen=True)
class Batch:
    """Transformed samples, stacked.

    Where replicas share a batch, images and labels are those of one of them.

    Attributes:
        images: RGB, 0..255, channels last in memory.
        labels: Class ids and ignore value; uint8 where they fit (the loss wants int64: `labels.long()` on the
            device), otherwise int32.
        names: Names of all samples of the batch.
    """

    images: UInt8[Tensor, "b c h w"]
    labels: Integer[Tensor, "b h w"]
    names: tuple[str, ...]

    def pin_memory(self) -> "Batch":
        """A copy in page-locked memory; torch's loader calls it where there is a CUDA device."""
        return Batch(self.images.pin_memory(), self.labels.pin_memory(), self.names)


def training_batches(
    dataset: DataSet,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    seed: int,
    start: int,
    stop: int,
    workers: int,
    rows: slice = slice(None),
) -> Iterator[Batch]:
    """The batches `start` .. `stop - 1` of the stream.

    Args:
        dataset: Labelled samples; a `CachedDataSet` saves decoding them again and again.
        transforms: Applied in order; the last result must have one size for all samples.
        batch_size: Samples per batch.
        seed: Names the stream, 0 or more.
        start: First batch; where a resumed run left off.
        stop: One past the last batch.
        workers: Processes that decode and transform; 0 does it here.
        rows: Samples of each batch that are decoded and given; all of them, unless replicas share a batch.

    Raises:
        InputError: If the data set is empty, a sample is unreadable, has stray labels, or none, a worker was killed or
            is stuck, or there are more than `MOST_WORKERS`.
    """
    if not 0 <= workers <= MOST_WORKERS:
        raise InputError(f"--workers {workers} is out of reach; give 0 to {MOST_WORKERS}, about one per processor")
    if not len(dataset):
        raise InputError(f"data set {dataset.name} has no images to train on")
    stream = _Stream(
        dataset,
        transforms=tuple(transforms),
        batch_size=batch_size,
        seed=seed,
        rows=rows,
    )
    if workers and start < stop:
        workers = _fitting_workers(stream, start=start, workers=workers)
    with warnings.catch_warnings():
        # How many processors to use is the caller's business.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        loader = DataLoader(
            stream,
            batch_size=None,  # the stream makes whole batches
            sampler=range(start, stop),
            num_workers=workers,
            timeout=LATE_SECONDS if workers else 0,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # torch's global one is the model's: drawing from it would change dropout
            worker_init_fn=_start_worker,
            # Forked workers share the cache; elsewhere each gets a copy.
            multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        )
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, InputError):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader timed out" in str(error):
            raise InputError(
                f"no batch for {LATE_SECONDS:g} s: the disk is slow or a process that loads data is stuck; "
                "--workers 0 loads without them"
            ) from error
        if "DataLoader worker" not in str(error):
            raise
        raise InputError(
            f"a process that loads data was killed, for want of memory perhaps; lower --workers ({workers})"
        ) from error


def _fitting_workers(stream: "_Stream", *, start: int, workers: int) -> int:
    """As many workers as shared memory has room for with all batches that they make ahead; 0 loads without it."""
    if sys.platform != "linux" or not SHARED_MEMORY.is_dir():
        return workers
    room = shutil.disk_usage(SHARED_MEMORY).free
    if room > workers * 2**30:  # nobody's batches are that large: no need to make one to see
        return workers
    batch = stream[start]
    if isinstance(batch, InputError):
        raise batch
    size = batch.images.nbytes + batch.labels.nbytes
    # Two more are with the caller: the one in use, and the next, which is taken before the first is let go.
    fitting = min(workers, max((room // size - 2) // _PREFETCH, 0))
    if fitting < workers:
        _LOGGER.warning(
            "%s has room for %.0f MiB and a batch takes %.1f MiB: %d of %d workers load data; "
            "give the container more (docker run --shm-size 8g)",
            *(SHARED_MEMORY, room / 2**20, size / 2**20, fitting, workers),
        )
    return fitting


def _start_worker(_number: int) -> None:
    """Leave signals to the parent, which ends its workers; where it is killed, torch ends them within seconds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "linux":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_by_parent, args=(os.getppid(),), daemon=True).start()


def _end_by_parent(parent: int) -> None:
    """End this process by a SIGTERM of its parent's: Python's last word to workers that something still refers to.

    One that job schedulers send to all processes alike is the parent's to answer.
    """
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)


def draw_generator(*, seed: int, draw: int) -> np.random.Generator:
    """The generator of one draw of the stream."""
    return _generator(seed, _DRAW, draw)


def draw_index(*, seed: int, draw: int, size: int) -> int:
    """Index of the sample that a draw takes, out of `size`: each once per epoch, in an order of the epoch's own."""
    epoch, place = divmod(draw, size)
    return int(_permutation(seed, epoch, size)[place])


class _Stream(Dataset[Batch | InputError]):
    """Batches by number. Bad input is returned, not raised: torch would bury its line in a worker's traceback."""

    def __init__(
        self, dataset: DataSet, *, transforms: tuple[Transform, ...], batch_size: int, seed: int, rows: slice
    ) -> None:
        self._dataset = dataset
        self._names = dataset.names
        self._transforms = transforms
        self._batch_size = batch_size
        self._seed = seed
        self._rows = rows

    def __getitem__(self, index: int) -> Batch | InputError:
        first = index * self._batch_size
        draws = range(first, first + self._batch_size)
        names = tuple(self._names[self._index(draw)] for draw in draws)
        try:
            return _stacked([self._sample(draw) for draw in draws[self._rows]], names=names)
        except InputError as error:
            return error

    def _index(self, draw: int) -> int:
        return draw_index(seed=self._seed, draw=draw, size=len(self._dataset))

    def _sample(self, draw: int) -> Sample:
        sample = self._dataset[self._index(draw)]
        generator = draw_generator(seed=self._seed, draw=draw)
        for transform in self._transforms:
            sample = transform(sample, generator)
        return sample


def _stacked(samples: list[Sample], *, names: tuple[str, ...]) -> Batch:
    labels = []
    for sample in samples:
        if sample.labels is None:
            raise InputError(f"{sample.name} has no labels; training needs a mask for every picture")
        labels.append(sample.labels)
    images = torch.from_numpy(np.stack([sample.image for sample in samples]))
    return Batch(
        images=images.permute(0, 3, 1, 2),
        labels=torch.from_numpy(np.stack(labels)),
        names=names,
    )


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, size: int) -> Integer[np.ndarray, " n"]:
    return _generator(seed, _ORDER, epoch).permutation(size)


def _generator(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
