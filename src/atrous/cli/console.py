"""Progress displays with an estimate of the time left, on standard error; standard output is for results.

Where the terminal is narrow only the bar gives way: counts and times stay whole.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

T = TypeVar("T")

console = Console(stderr=True, highlight=False)


class ConsoleHandler(logging.Handler):
    """Prints warnings on lines of their own, above a progress display where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        console.print(self.format(record), soft_wrap=True, markup=False, emoji=False, highlight=False)


class _TimeLeft(ProgressColumn):
    """Time left at the mean speed so far; known from the first item on, it falls until the next one is done."""

    max_refresh = 0.5

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))
        self._began: dict[TaskID, float] = {}
        self._last: dict[TaskID, tuple[float, float]] = {}

    def render(self, task: Task) -> Text:
        """Hours, minutes and seconds, or dashes before the first item."""
        spent = task.finished_time if task.finished else task.elapsed
        began = self._began.setdefault(task.id, task.completed)
        if task.completed < began:  # a display that begins again
            began = self._began[task.id] = task.completed
        done, since = self._last.get(task.id, (began, 0.0))
        if task.completed != done:
            done, since = self._last[task.id] = (task.completed, spent or 0.0)
        if task.total is None or spent is None or done <= began:
            return Text("-:--:--", style="progress.remaining")
        left = since * (task.total - done) / (done - began) - (spent - since)
        minutes, seconds = divmod(max(round(left), 0), 60)
        return Text(f"{minutes // 60}:{minutes % 60:02}:{seconds:02}", style="progress.remaining")


class NotedProgress(Progress):
    """A progress display with a line of text below it, `note`, as long as there is one."""

    note = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """The table of the tasks, and the note."""
        yield from super().get_renderables()
        if self.note:
            yield Text(self.note)


def _times() -> tuple[ProgressColumn, ...]:
    return TimeElapsedColumn(Column(no_wrap=True)), TextColumn("left"), _TimeLeft()


def progress_bar() -> NotedProgress:
    """A progress display: description, bar, count, time spent, time left; its `note` stands below."""
    count = MofNCompleteColumn(table_column=Column(no_wrap=True))
    return NotedProgress(TextColumn("{task.description}"), BarColumn(), count, *_times(), console=console)


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
        *_times(),
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
