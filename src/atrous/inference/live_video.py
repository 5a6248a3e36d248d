"""Overlays of live sources: the newest frames of a stream or a webcam are predicted and encoded as they come."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atrous.data.formats.images import MAX_PIXELS
from atrous.errors import InputError, OutputError, reason
from atrous.extras import require
from atrous.files import atomic_path
from atrous.inference.live_frames import TICK, LiveFrame, LiveFrames, LiveSource, silence
from atrous.inference.overlay_video import OverlayVideo
from atrous.inference.predictor import Predictor
from atrous.inference.video import WrittenVideo, check_smoothing, predict_frame

PATIENCE = 15.0
"""Seconds within which the first frame, and each further one, has to come."""

POLL = 0.1
"""Seconds between two looks at whether to stop."""


@dataclass(frozen=True)
class Recording:
    """The video that was written of a live source, and what was lost on the way.

    Attributes:
        video: The video.
        seconds: From the first frame to the last.
        left_out: Number of frames that were not predicted, because the source is faster.
        undecodable: Number of packets that could not be decoded.
        problem: Why the recording ended before its time; empty if it did not.
    """

    video: WrittenVideo
    seconds: float
    left_out: int
    undecodable: int
    problem: str


class NothingCameError(InputError):
    """A live source gave no frame; nothing was written."""


def predict_live(
    predictor: Predictor,
    source: LiveSource,
    out: Path,
    *,
    stop: Callable[[], bool],
    seconds: float | None = None,
    smoothing: float = 0.0,
    background: bool = False,
    contours: bool = False,
    max_pixels: int = MAX_PIXELS,
    patience: float = PATIENCE,
    on_progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """Write a video with the overlays of a live source, until it ends, breaks or is to stop; sound is left out.

    Where the source is faster than the prediction, the oldest waiting frames are left out; times are kept.

    Args:
        predictor: Model and settings of the prediction.
        source: What `live_source` gives.
        out: The MP4 file to write (H.264); complete however the recording ends.
        stop: Asked after every frame and ten times a second; true ends the recording.
        seconds: Length after which the recording ends; None sets no end.
        smoothing: Weight 0..1 of the smoothed probabilities of earlier frames, as in `predict_video`.
        background: If true, a background class is painted, too.
        contours: If true, only the outlines of regions are drawn.
        max_pixels: Sources of larger frames are refused.
        patience: Seconds to wait for the first frame, and for each further one.
        on_progress: Called after every frame with (frames written, frames left out).

    Raises:
        NothingCameError: If no frame came.
        InputError: If PyAV is missing or a setting is out of range.
        OutputError: If the output cannot be written, or exists: a recording cannot be made again.
    """
    check_smoothing(smoothing)
    if seconds is not None and not seconds > 0:
        raise InputError(f"{seconds:g} seconds leave nothing to record; give more than 0")
    if out.exists():
        raise OutputError(f"{out} exists, and a recording cannot be made again; move it, or choose another folder")
    av: Any = require("av", extra="video", purpose=f"reading {source.name}")
    frames = LiveFrames(source, max_pixels=max_pixels, patience=patience)
    feed = _Feed(frames, stop, patience=patience, seconds=seconds)
    try:
        current = feed.next()
        if current is None:
            raise NothingCameError(f"{source.name}: {feed.problem or 'interrupted before the first picture'}")
        smoothed, begun, ticks = None, current.ticks, 0
        with atomic_path(out) as temporary:
            try:
                with av.open(str(temporary), "w", format="mp4") as made:
                    video = OverlayVideo(
                        made,
                        frames.size,
                        rate=frames.rate,
                        time_base=TICK,
                        background=background,
                        contours=contours,
                    )
                    while current is not None:
                        image = current.frame.to_ndarray(format="rgb24")
                        result, smoothed = predict_frame(predictor, image, smoothed, smoothing=smoothing)
                        ticks = current.ticks - begun
                        video.write(result, pts=ticks, time_base=TICK)
                        if on_progress:
                            on_progress(video.frames, frames.left_out)
                        current = feed.next()
                    video.finish()
            except av.error.FFmpegError as error:
                raise OutputError(f"cannot write {out}: {error.strerror or reason(error)}; free some space") from error
    finally:
        frames.stop()
    length = float(ticks * TICK)
    complete = feed.closed and frames.seconds is not None and length > frames.seconds - 1
    written = WrittenVideo(video.frames, frames.size, frames.rate, video.shares)
    return Recording(written, length, frames.left_out, frames.undecodable, "" if complete else feed.problem)


class _Feed:
    """Frames one after the other, until the recording is to end.

    Attributes:
        problem: Why the frames ended before their time; empty if they did not.
        closed: True if the source came to an end without an error.
    """

    def __init__(self, frames: LiveFrames, stop: Callable[[], bool], *, patience: float, seconds: float | None) -> None:
        self.problem, self.closed = "", False
        self._frames, self._stop, self._patience, self._seconds = frames, stop, patience, seconds
        self._until: float | None = None

    def next(self) -> LiveFrame | None:
        """Return the next frame; None where the recording ends."""
        begun = time.monotonic()
        while not self._stop():
            live = self._frames.take(wait=POLL)
            now = time.monotonic()
            if live is not None:
                if self._until is None and self._seconds is not None:
                    self._until = live.arrived + self._seconds
                return live if self._until is None or live.arrived < self._until else None
            if self._until is not None and now >= self._until:
                return None
            if self._frames.ended:
                self.closed = not self._frames.problem
                self.problem = self._frames.problem or "the connection was closed by the other side"
                return None
            if now - begun > self._patience:
                self.problem = silence(self._patience)
                return None
        return None
