"""Frames of a live source (RTSP stream, webcam), decoded by a thread; only the latest are held (extra `video`)."""

import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from atrous.errors import InputError, reason
from atrous.extras import require
from atrous.sizes import Size

HELD = 12
"""Frames that wait at most; where more come, the oldest is left out."""

LATER = 5.0
"""Seconds that FFmpeg waits longer than the caller, who knows how to say it."""

TICK = Fraction(1, 90000)
"""Unit of times, in seconds; that of RTP."""

LONGEST_GAP = 10.0
"""Seconds; a source whose own times jump further is timed by the arrival of its frames."""

SCHEMES = ("rtsp", "rtsps")

WEBCAM = re.compile(r"/dev/(video\d|v4l/)")


@dataclass(frozen=True)
class LiveSource:
    """An RTSP stream or a webcam, as FFmpeg is told to open it.

    Attributes:
        address: Address or device.
        name: The same without user and password, for messages.
        stem: Beginning of the names of its outputs.
        form: FFmpeg's name of the format; None lets it find out.
        options: Options of the format.
    """

    address: str
    name: str
    stem: str
    form: str | None = None
    options: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class LiveFrame:
    """A decoded frame of a live source with its time.

    Attributes:
        frame: What PyAV decoded.
        ticks: Its time in units of `TICK`, from 0; always later than those before.
        arrived: Time of its arrival in seconds of `time.monotonic`.
    """

    frame: Any
    ticks: int
    arrived: float


def live_source(name: str) -> LiveSource | None:
    """Return the source that an input names: `rtsp://...`, or `/dev/video0` and its kind (Linux); None for others.

    Raises:
        InputError: If an address has no host.
    """
    if WEBCAM.match(name):
        return LiveSource(name, name, name.rpartition("/")[2], "v4l2")
    if name.partition("://")[0].lower() not in SCHEMES or "://" not in name:
        return None
    try:
        parts = urlsplit(name)
        host, path, _ = parts.hostname, parts.path, parts.port  # a port that is no number raises
    except ValueError:
        host = path = ""
    if not host:
        raise InputError(f"{_without_user(name)} has no host or a wrong port; write rtsp://HOST:PORT/PATH")
    last = path.rstrip("/").rpartition("/")[2] or host
    stem = re.sub(r"[^\w.-]", "_", last).lstrip(".")[:100] or "stream"
    # Packets of TCP arrive in order and through firewalls; FFmpeg falls back to UDP. Few frames are held back to find
    # out the rate, and a hostile stream opens neither files nor other protocols.
    options = {"rtsp_flags": "prefer_tcp", "fpsprobesize": "0", "protocol_whitelist": "rtsp,rtsps,rtp,tcp,udp,tls"}
    return LiveSource(name, _without_user(name), stem, None, options)


class _Clock:
    """Times of frames: the source's own where they can be believed, else those of their arrival."""

    def __init__(self) -> None:
        self._ticks, self._arrived = -1, 0.0
        self._own: Fraction | None = None

    def ticks_of(self, frame: Any, *, arrived: float, rate: Fraction) -> int:
        """Time of the next frame."""
        own = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        if own is not None and self._own is not None and 0 < own - self._own <= LONGEST_GAP:
            step = own - self._own
        elif own is not None and self._own is None:  # the first frame of an RTSP stream has no time
            step = 1 / rate
        else:
            step = arrived - self._arrived
        self._ticks = 0 if self._ticks < 0 else self._ticks + max(1, round(step / TICK))
        self._own, self._arrived = own, arrived
        return self._ticks


class LiveFrames:
    """Decodes a source in a thread of its own, which may wait for it in FFmpeg as long as it likes.

    Attributes:
        left_out: Number of frames that were never taken, because newer ones came.
        undecodable: Number of packets that could not be decoded.
        seconds: Length of the source that it announces; None for live ones.
        rate: Frames per second that the source announces.
        size: (height, width) of its frames; known as soon as there is one.
    """

    def __init__(self, source: LiveSource, *, max_pixels: int, patience: float) -> None:
        """Begin to read.

        Args:
            source: What to open.
            max_pixels: Larger frames end the reading.
            patience: Seconds that the caller waits for a frame; FFmpeg waits a little longer.

        Raises:
            InputError: If PyAV is missing.
        """
        self.left_out = self.undecodable = 0
        self.seconds: float | None = None
        self.rate, self.size = Fraction(25), (0, 0)
        self._av: Any = require("av", extra="video", purpose=f"reading {source.name}")
        self._source, self._max_pixels, self._patience = source, max_pixels, patience
        self._held, self._changed = deque[LiveFrame](), threading.Condition()
        self._ended, self._stopped, self._problem, self._clock = False, False, "", _Clock()
        threading.Thread(target=self._run, name="live frames", daemon=True).start()

    def take(self, *, wait: float) -> LiveFrame | None:
        """Return the oldest frame that is held; None if none comes in `wait` seconds, or none will any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._ended, timeout=wait)
            return self._held.popleft() if self._held else None

    @property
    def ended(self) -> bool:
        """True if no frame will come any more, and none is held."""
        return self._ended and not self._held

    @property
    def problem(self) -> str:
        """Why the reading ended; empty if the source came to its end."""
        return self._problem

    def stop(self) -> None:
        """Let the thread end with the next packet."""
        self._stopped = True

    def _run(self) -> None:
        try:
            self._read()
        except InputError as error:
            self._problem = str(error)
        except self._av.error.FFmpegError as error:
            self._problem = self._explained(error)
        except Exception as error:  # it would be lost in this thread
            self._problem = f"{type(error).__name__}: {reason(error)}"
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read(self) -> None:
        source = self._source
        with self._av.open(
            source.address, format=source.form, options=source.options, timeout=self._patience + LATER
        ) as container:
            if not container.streams.video:
                raise InputError("it has no pictures in it")
            stream = container.streams.video[0]
            self.seconds = container.duration / self._av.time_base if container.duration else None
            rate = stream.average_rate or stream.guessed_rate
            self.rate = rate if rate and 1 <= rate <= 240 else Fraction(25)
            for packet in container.demux(stream):
                if self._stopped:
                    return
                try:
                    frames = packet.decode()
                except self._av.error.InvalidDataError:  # a packet was lost, or the first key frame is to come
                    self.undecodable += 1
                    continue
                for frame in frames:
                    self._hold(frame)

    def _hold(self, frame: Any) -> None:
        size: Size = (frame.height, frame.width)
        if not 0 < size[0] * size[1] <= self._max_pixels:
            raise InputError(f"its frames have {size[1]} x {size[0]} pixels, more than {self._max_pixels}")
        if self.size not in ((0, 0), size):
            raise InputError(f"its frames changed from {self.size[1]} x {self.size[0]} to {size[1]} x {size[0]} pixels")
        self.size = size
        arrived = time.monotonic()
        live = LiveFrame(frame, self._clock.ticks_of(frame, arrived=arrived, rate=self.rate), arrived)
        with self._changed:
            if len(self._held) == HELD:
                self._held.popleft()
                self.left_out += 1
            self._held.append(live)
            self._changed.notify_all()

    def _explained(self, error: Any) -> str:
        """Return the message of an error of FFmpeg, followed by a remedy for the user."""
        errors, what = self._av.error, error.strerror or reason(error)
        if self._source.form:
            remedies = {
                errors.FileNotFoundError: "list the devices with: ls /dev/video*",
                errors.PermissionError: "add the user to the group `video`, and log in again",
            }
            remedy = remedies.get(type(error), "check that it is a webcam, and that no other program has it")
        elif isinstance(error, errors.ExitError):
            return silence(self._patience)
        else:
            remedies = {
                errors.HTTPNotFoundError: "check the path of the address",
                errors.HTTPUnauthorizedError: "put user and password into the address: rtsp://USER:PASSWORD@HOST/PATH",
                errors.HTTPForbiddenError: "put user and password into the address: rtsp://USER:PASSWORD@HOST/PATH",
            }
            remedy = remedies.get(type(error), "check host, port and network, and that it is an RTSP stream")
        return f"{what}; {remedy}"


def silence(patience: float) -> str:
    """Return the message for a source that gave nothing for `patience` seconds."""
    return f"no picture came for {patience:g} s; check the address, the network and the camera"


def _without_user(address: str) -> str:
    """Leave out user and password: everything between `://` and the last `@` before the path."""
    return re.sub(r"(?<=://)[^/?#]*@", "", address)
