"""The MP4 file of overlays that predictions of videos and of live sources write (H.264)."""

from fractions import Fraction
from typing import Any

import numpy as np

from atrous.extras import require
from atrous.inference.result import Result
from atrous.sizes import Size


class OverlayVideo:
    """Encodes overlays into an open container of PyAV; counts frames and shares.

    Attributes:
        frames: Number of frames so far.
        shares: Sum over all frames of the share of pixels, by name of the class.
    """

    def __init__(
        self, container: Any, size: Size, *, rate: Fraction, time_base: Fraction, background: bool, contours: bool
    ) -> None:
        """Begin a video.

        Args:
            container: An output of `av.open`.
            size: (height, width) of every frame in pixels.
            rate: Frames per second, for the control of the bit rate.
            time_base: Seconds of one unit of the frames' times.
            background: If true, a background class is painted, too.
            contours: If true, only the outlines of regions are drawn.
        """
        self.frames, self.shares = 0, dict[str, float]()
        self._av: Any = require("av", extra="video", purpose="writing a video")
        self._container, self._background, self._contours = container, background, contours
        self._stream = container.add_stream("libx264", rate=rate)
        self._stream.height, self._stream.width = size
        # The usual format halves the colours' resolution, which takes even sizes.
        self._stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"
        self._stream.codec_context.time_base = time_base

    def write(self, result: Result, *, pts: int | None, time_base: Fraction) -> None:
        """Add the overlay of a result, shown at `pts * time_base` seconds."""
        for name, share in result.shares().items():
            self.shares[name] = self.shares.get(name, 0.0) + share
        painted = np.array(result.overlay(legend=False, background=self._background, contours=self._contours))
        shown = self._av.VideoFrame.from_ndarray(painted, format="rgb24")
        shown.pts, shown.time_base = pts, time_base
        self._container.mux(self._stream.encode(shown))
        self.frames += 1

    def finish(self) -> None:
        """Write the frames that the encoder holds back; the container is closed by its owner."""
        self._container.mux(self._stream.encode(None))
