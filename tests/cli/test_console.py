"""Progress displays: nothing that matters is cut off, the time left is that of the mean speed, warnings stand alone."""

import io
import logging

import pytest
from rich.console import Console

from atrous.cli import console as display
from atrous.cli.console import ConsoleHandler, progress_bar


@pytest.fixture
def shown(monkeypatch):
    """A function that shows a task at some seconds; a terminal of 80 columns."""
    seconds = [0.0]
    monkeypatch.setattr(display, "console", Console(file=io.StringIO(), width=80, force_terminal=True))
    progress = progress_bar()
    monkeypatch.setattr(progress, "get_time", lambda: seconds[0])

    def at(second: float, **update) -> str:
        seconds[0] = second
        if progress.tasks:
            progress.update(progress.tasks[0].id, **update)
        else:
            progress.add_task(**{"description": "training", **update})
            for task in progress.tasks:
                task._get_time = lambda: seconds[0]
        console = Console(file=io.StringIO(), width=80)
        console.print(progress.get_renderable())
        return console.file.getvalue()

    at.progress = progress
    return at


def test_the_time_left_follows_from_the_first_steps_and_falls_until_the_next(shown):
    assert "left -:--:--" in shown(0, total=30, completed=10)  # a run that goes on has done these earlier
    assert "left -:--:--" in shown(39, completed=10)
    assert "15/30 0:00:40 left 0:02:00" in shown(40, completed=15)  # 8 s a step
    assert "left 0:01:50" in shown(50, completed=15)
    assert "left 0:00:00" in shown(300, completed=15)  # late, never below nothing
    assert "left 0:01:40" in shown(400, completed=26)  # 25 s a step
    assert "30/30 0:07:00 left 0:00:00" in shown(420, completed=30)


def test_only_the_bar_gives_way_where_the_terminal_is_narrow(shown):
    shown.progress.note = "loss 0.895  rate 0.0183  teacher confident on 85%  3.32 s/step, 1% on data"
    line, note = shown(0, total=300000, completed=0, description="x" * 40).splitlines()[:2]
    assert "x" * 40 in line
    assert "0/300000 0:00:00 left -:--:--" in line
    assert note == shown.progress.note


def test_a_warning_stands_on_a_line_of_its_own_while_a_display_runs(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(display, "console", Console(file=file, width=80, force_terminal=True))
    record = logging.makeLogRecord({"msg": "crops of %d :car: [b]", "args": (97,)})
    with display.console.status("preparing the model"):
        ConsoleHandler().emit(record)
    lines = file.getvalue().replace("\x1b[?25l", "").replace("\x1b[2K", "\n").replace("\r", "\n").splitlines()
    assert "crops of 97 :car: [b]" in lines
