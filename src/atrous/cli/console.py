"""Progress with an estimate of the time left, on standard error, so that standard output stays clean for results."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

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


def tracked(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    """The items, with a progress display while they are consumed."""
    with progress_bar() as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)
