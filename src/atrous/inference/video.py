"""Overlays of video files: frames are decoded, predicted, blended and encoded one after the other (extra `video`)."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from atrous.data.formats.images import MAX_PIXELS
from atrous.errors import InputError, reason
from atrous.extras import require
from atrous.files import atomic_path
from atrous.inference.overlay_video import OverlayVideo
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result, map_dtype
from atrous.sizes import Size

OnProgress = Callable[[int, int], None]
"""Called with (frames done, all frames); the container's number of frames may be wrong."""


@dataclass(frozen=True)
class WrittenVideo:
    """A video that was written.

    Attributes:
        frames: Number of frames.
        size: (height, width) in pixels.
        rate: Frames per second.
        shares: Sum over all frames of the share of pixels, by name of the class.
    """

    frames: int
    size: Size
    rate: Fraction
    shares: dict[str, float]


def predict_video(
    predictor: Predictor,
    source: Path,
    out: Path,
    *,
    smoothing: float = 0.0,
    background: bool = False,
    contours: bool = False,
    max_pixels: int = MAX_PIXELS,
    on_progress: OnProgress | None = None,
) -> WrittenVideo:
    """Write a video with the overlay of every frame; sound is left out.

    Args:
        predictor: Model and settings of the prediction.
        source: Any file that FFmpeg decodes.
        out: The MP4 file to write (H.264), with the size, times and number of frames of the source.
        smoothing: Weight 0..1 of the smoothed probabilities of the earlier frames: p = s * p_before + (1 - s) * p_now.
        background: If true, a background class is painted, too.
        contours: If true, only the outlines of regions are drawn.
        max_pixels: Videos of larger frames are refused.
        on_progress: Called after every frame.

    Raises:
        InputError: If PyAV is missing, the file is no video or damaged, or the output cannot be written.
    """
    av: Any = require("av", extra="video", purpose=f"reading {source}")
    check_smoothing(smoothing)
    if not source.is_file():
        raise InputError(f"no video file {source}; check the name")
    try:
        with (
            av.open(str(source)) as video,
            atomic_path(out) as temporary,
            av.open(str(temporary), "w", format="mp4") as made,
        ):
            if not video.streams.video:
                raise InputError(f"{source} has no pictures in it; give a video file")
            stream = video.streams.video[0]
            size, rate = (stream.height, stream.width), stream.average_rate or Fraction(25)
            if not 0 < size[0] * size[1] <= max_pixels:
                raise InputError(f"{source} has frames of {size[1]} x {size[0]} pixels, more than {max_pixels}")
            written = OverlayVideo(
                made, size, rate=rate, time_base=stream.time_base, background=background, contours=contours
            )
            smoothed = None
            for frame in video.decode(stream):
                image = frame.to_ndarray(format="rgb24")
                if image.shape[:2] != size:
                    raise InputError(f"{source}: frame {written.frames + 1} has another size than the first")
                result, smoothed = predict_frame(predictor, image, smoothed, smoothing=smoothing)
                written.write(result, pts=frame.pts, time_base=frame.time_base)
                if on_progress:
                    on_progress(written.frames, max(stream.frames, written.frames))
            written.finish()
            if not written.frames:
                raise InputError(f"{source} has no frame that can be decoded; convert it with ffmpeg")
    except av.error.FFmpegError as error:
        raise InputError(
            f"{source}: {error.strerror or reason(error)}; convert it with ffmpeg, or give a whole file"
        ) from error
    return WrittenVideo(written.frames, size, rate, written.shares)


def check_smoothing(smoothing: float) -> None:
    """Raise InputError if a weight of earlier frames is not 0 or more, below 1."""
    if not 0 <= smoothing < 1:
        raise InputError(f"smoothing {smoothing} is out of range; choose 0 or more, below 1")


def predict_frame(
    predictor: Predictor,
    image: UInt8[np.ndarray, "h w 3"],
    before: Float32[np.ndarray, "k h w"] | None,
    *,
    smoothing: float,
) -> tuple[Result, Float32[np.ndarray, "k h w"] | None]:
    """Predict a frame; returns the result and the smoothed probabilities, which are None without smoothing."""
    if not smoothing:
        return predictor(image), None
    probabilities = predictor.probabilities(image)
    if before is not None:
        probabilities = np.float32(smoothing) * before + np.float32(1 - smoothing) * probabilities
    labels = probabilities.argmax(axis=0)
    labels = labels.astype(map_dtype(len(predictor.labels)))
    return Result(labels, image, predictor.labels), probabilities
