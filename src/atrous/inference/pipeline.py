"""Prediction of many images as a pipeline: images are read ahead in threads and computed while others are read.

On a CPU every processor computes an image of its own in a single thread, which keeps all of them busy: layers of one
image that are divided among processors leave each of them waiting for the others. Images too large for that are
computed one at a time by all processors. On other devices, and for exported files, whose engines have threads of their
own, one thread issues the work, in batches of equal size.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
import torch
from jaxtyping import UInt8

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.inference.prefetch import prefetch
from atrous.inference.result import Result
from atrous.sizes import Size

MAX_PARALLEL_PIXELS = 2**21
"""Largest image that is computed beside others; a network holds up to a few kilobytes per pixel."""

Image = UInt8[np.ndarray, "_ _ c"]
Work = Callable[[Sequence[Image]], list[Result]]
Submit = Callable[[Work, Sequence[Image]], Future[list[Result]]]

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class PipelineItem(Generic[Item, Loaded]):
    """One item of a pipeline.

    Attributes:
        item: The item.
        loaded: What reading it gave, or the error.
        result: Its prediction, possibly still being computed; None for an error, or where there is no image to predict.
    """

    item: Item
    loaded: Loaded | InputError
    result: Future[Result] | None


def predict_each(
    predictor: Predictor,
    items: Iterable[Item],
    *,
    read: Callable[[Item], Loaded],
    image_of: Callable[[Loaded], UInt8[np.ndarray, "h w c"] | None],
    bytes_of: Callable[[Loaded], int] | None = None,
) -> Iterator[PipelineItem[Item, Loaded]]:
    """Read and predict items in order.

    Args:
        predictor: Model and settings of the prediction.
        items: What to read; iterated over in the caller's thread, a few items ahead.
        read: Reads an item; called in threads. An InputError that it raises becomes the step's.
        image_of: The image to predict of what was read, as `Predictor.image_array` returns it. None if the caller
            predicts by other means: then no other image is being computed while the caller has the step.
        bytes_of: Size in memory of what was read; by default that of its image.

    Yields:
        A step per item, in the order of the items.
    """
    threads = torch.get_num_threads()
    workers = threads if predictor.device.type == "cpu" and not predictor.is_exported else 1
    images = prefetch(
        read, items, depth=max(workers + 1, 2), bytes_of=bytes_of or (lambda loaded: _bytes(image_of(loaded)))
    )
    with ThreadPoolExecutor(workers, initializer=_use_one_thread if workers > 1 else None) as pool:
        started: deque[list[PipelineItem[Item, Loaded]]] = deque()
        try:
            for batch, alone in _batches(predictor, images, image_of):
                if alone:
                    for step in chain.from_iterable(started):
                        _wait(step)
                    torch.set_num_threads(threads)  # the pool's threads have set it for all
                    yield from chain.from_iterable(started)
                    started.clear()
                    yield from _start(predictor, batch, _in_this_thread)
                    continue
                started.append(_start(predictor, batch, lambda work, images: pool.submit(work, images)))
                if len(started) > workers:
                    yield from started.popleft()
            yield from chain.from_iterable(started)
        finally:
            torch.set_num_threads(threads)  # the number that threads to come start with


def _bytes(image: Image | None) -> int:
    return 0 if image is None else image.nbytes


def _use_one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class _Entry(Generic[Item, Loaded]):
    """An item that was read; `image` is None where there is nothing to predict, and `size` then (0, 0)."""

    item: Item
    loaded: Loaded | InputError
    image: UInt8[np.ndarray, "h w c"] | None
    size: Size


def _batches(
    predictor: Predictor,
    images: Iterator[tuple[Item, Future[Loaded]]],
    image_of: Callable[[Loaded], UInt8[np.ndarray, "h w c"] | None],
) -> Iterator[tuple[list[_Entry[Item, Loaded]], bool]]:
    """Consecutive images of equal size in batches, each with True if nothing else may be computed meanwhile."""
    batch = list[_Entry[Item, Loaded]]()
    for item, future in images:
        entry = _entry(predictor, item, future, image_of)
        if batch and (entry.size != batch[0].size or len(batch) >= predictor.batch_length(entry.size)):
            yield batch, False
            batch = []
        failed = isinstance(entry.loaded, InputError)
        if failed or entry.image is None or entry.size[0] * entry.size[1] > MAX_PARALLEL_PIXELS:
            yield [entry], not failed
        else:
            batch.append(entry)
            if len(batch) >= predictor.batch_length(entry.size):
                yield batch, False
                batch = []
    if batch:
        yield batch, False


def _entry(
    predictor: Predictor,
    item: Item,
    future: Future[Loaded],
    image_of: Callable[[Loaded], UInt8[np.ndarray, "h w c"] | None],
) -> _Entry[Item, Loaded]:
    try:
        loaded = future.result()
        image = image_of(loaded)
        if image is not None:
            image = predictor.image_array(image)
    except InputError as error:
        return _Entry(item, error, None, (0, 0))
    return _Entry(item, loaded, image, (0, 0) if image is None else predictor.input_size(image))


def _start(predictor: Predictor, batch: list[_Entry[Item, Loaded]], submit: Submit) -> list[PipelineItem[Item, Loaded]]:
    """Start the prediction of a batch; one future for all of its images becomes one for each."""
    images = [entry.image for entry in batch if entry.image is not None]
    if not images:
        return [PipelineItem(entry.item, entry.loaded, None) for entry in batch]
    singles = [Future[Result]() for _ in batch]
    together = submit(predictor.predict_batch, images)
    together.add_done_callback(lambda done: _set_results(done, singles))
    return [PipelineItem(entry.item, entry.loaded, single) for entry, single in zip(batch, singles, strict=True)]


def _set_results(together: Future[list[Result]], singles: list[Future[Result]]) -> None:
    problem = together.exception()
    for number, single in enumerate(singles):
        if problem is not None:
            single.set_exception(problem)
        else:
            single.set_result(together.result()[number])


def _in_this_thread(work: Work, images: Sequence[Image]) -> Future[list[Result]]:
    future = Future[list[Result]]()
    try:
        future.set_result(work(images))
    except Exception as problem:  # belongs to whoever asks for the result, as from a thread
        future.set_exception(problem)
    return future


def _wait(step: PipelineItem[Item, Loaded]) -> None:
    if step.result is not None:
        step.result.exception()
