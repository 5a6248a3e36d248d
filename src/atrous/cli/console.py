"""Progress displays with an estimate of the time left, on standard error; standard output is for results."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

console = Console(stderr=True, highlight=False)


def progress_bar() -> Progress:
    """A progress display: description, bar, count, time spent, time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def _stopped_at_the_end(progress: Progress) -> Iterator[None]:
    """Stop a display that its first use has started, if there was one."""
    try:
        yield
    finally:
        if progress.live.is_started:
            progress.stop()


@contextmanager
def progress_callback(description: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback for (done, total) that shows a progress bar; nothing is displayed before its first call."""
    progress = progress_bar()
    task = progress.add_task(description, total=None)

    def show(done: int, total: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=total)

    with _stopped_at_the_end(progress):
        yield show


@contextmanager
def count_callback(description: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback for (done, left out) of work without an end; nothing is displayed before its first call."""
    progress = Progress(
        TextColumn("{task.description}"),
        TextColumn("{task.completed:g} frames, {task.fields[left_out]} left out"),
        TimeElapsedColumn(),
        console=console,
    )
    task = progress.add_task(description, total=None, left_out=0)

    def show(done: int, left_out: int) -> None:
        progress.start()
        progress.update(task, completed=done, left_out=left_out)

    with _stopped_at_the_end(progress):
        yield show


@contextmanager
def fraction_callback() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback for (description, work done, all work) that shows a bar, the share done and the time left."""
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
    task = progress.add_task("", total=None)

    def show(description: str, done: int, total: int) -> None:
        progress.start()
        progress.update(task, description=description, completed=done, total=total)

    with _stopped_at_the_end(progress):
        yield show


@contextmanager
def progress_callbacks(*, after: float) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback for (description, done, total); nothing is displayed in the first `after` seconds."""
    progress, started = progress_bar(), time.monotonic()
    tasks: dict[str, TaskID] = {}

    def show(description: str, done: int, total: int) -> None:
        if description not in tasks:
            tasks[description] = progress.add_task(description, total=total)
        progress.update(tasks[description], completed=done)
        if time.monotonic() - started > after:
            progress.start()

    with _stopped_at_the_end(progress):
        yield show


def tracked(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    """Iterate over `items` with a progress display."""
    with progress_bar() as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)
