"""Progress with an estimate of the time left, on standard error, so that standard output stays clean for results."""

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
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

console = Console(stderr=True, highlight=False)


def progress_bar() -> Progress:
    """A progress display: what, bar, count, time spent, time left."""
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
def progress_callback(description: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be told (done, in all), as long work wants one; nothing is displayed before it is called."""
    progress = progress_bar()
    task = progress.add_task(description, total=None)

    def show(done: int, whole: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=whole)

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()


@contextmanager
def progress_callbacks(*, after: float) -> Iterator[Callable[[str, int, int], None]]:
    """A function to be told (what, done, in all); nothing is displayed of work that takes less than `after` seconds."""
    progress, started = progress_bar(), time.monotonic()
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, whole: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=whole)
        progress.update(tasks[what], completed=done)
        if time.monotonic() - started > after:
            progress.start()

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()


def tracked(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    """The items, with a progress display while they are consumed."""
    with progress_bar() as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)
