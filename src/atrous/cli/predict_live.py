"""`atrous predict` of a live source: an RTSP stream or a webcam, recorded until it ends or is interrupted."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from atrous.cli.console import console, count_callback
from atrous.cli.predict_videos import SOME_FAILED
from atrous.errors import InputError
from atrous.extras import require
from atrous.inference.live_frames import LiveSource, live_source
from atrous.inference.live_video import NothingCameError, Recording
from atrous.report.wording import class_line, one_line
from atrous.sizes import size_text

Record = Callable[[Callable[[], bool], Callable[[int, int], None]], Recording]
"""Called with a question whether to stop, and a callback of progress; returns what was written."""


def live_input(inputs: Sequence[str]) -> LiveSource | None:
    """Return the live source among the inputs; None if there is none.

    Raises:
        InputError: If there is one beside other inputs.
    """
    source = next((found for name in inputs if (found := live_source(name))), None)
    if source is not None and len(inputs) > 1:
        raise InputError(f"{source.name} is recorded until it ends; name it as the only input")
    return source


def live_output(source: LiveSource, *, out: Path) -> Path:
    """Return the output of a live source, `OUT/NAME_overlay.mp4`.

    Raises:
        InputError: If PyAV is missing, or the output exists: a recording cannot be made again.
    """
    require("av", extra="video", purpose=f"reading {source.name}")
    path = out / f"{source.stem}_overlay.mp4"
    if path.exists():
        raise InputError(f"{path} exists, and a recording cannot be made again; move it, or choose another --out")
    return path


def predict_live_source(source: LiveSource, path: Path, record: Record) -> int:
    """Record a live source and tell what became of it; returns the exit status.

    Raises:
        KeyboardInterrupt: If it was interrupted before the first picture.
    """
    print(f"recording {one_line(source.name)}; an interrupt (Ctrl-C) ends it", flush=True)
    with _stop_at_interrupt() as stop:
        try:
            with count_callback("predicting") as on_progress:
                made = record(stop, on_progress)
        except NothingCameError as error:
            if stop():
                raise KeyboardInterrupt from error
            raise
    written = f"{made.video.frames} frames of {size_text(made.video.size)}, {made.seconds:.1f} s"
    print(f"video    {one_line(str(path))} ({written})")
    print(f"classes  {class_line(made.video.shares)}")
    if made.left_out:
        whole = made.video.frames + made.left_out
        print(f"frames   {made.left_out} of {whole} were left out: they come faster than they are predicted")
    if made.undecodable:
        print(f"packets  {made.undecodable} could not be decoded: lost on the way, or before the first key frame")
    if made.problem:
        line = f"atrous predict: {source.name}: {made.problem}; what had come is kept"
        console.print(one_line(line), markup=False, soft_wrap=True)
    return SOME_FAILED if made.problem else 0


@contextmanager
def _stop_at_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a question that the first Ctrl-C, or polite kill, answers with yes; a second one interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            signal.default_int_handler(number, frame)
        asked.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
