"""An RTSP server on loopback that plays one H.264 stream (RFC 2326, RTP interleaved with the replies)."""

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

CLOCK = 90000
SDP = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=test\r
c=IN IP4 0.0.0.0\r
t=0 0\r
{length}m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1\r
a=control:track\r
"""


class RtspServer:
    """Serves `rtsp://127.0.0.1:PORT/street` to one reader after the other, in threads, until the test process ends.

    Args:
        pictures: RGB pictures, uint8 [h, w, 3]; each is one frame.
        rate: Frames per second; None sends all at once.
        status: First line of the answer to DESCRIBE.
        silent_from: Number of frames after which nothing more is sent, though the connection stays.
        endless: If true, the pictures are sent again and again.
        seconds: Length that is announced; None announces none, as for live streams.
        mute: If true, connections are accepted and never answered.
        reset: If true, the connection is broken off at the end, not closed.
    """

    def __init__(
        self,
        pictures: list[np.ndarray],
        *,
        rate: float | None = 25,
        status: str = "200 OK",
        silent_from: int | None = None,
        endless: bool = False,
        seconds: float | None = None,
        mute: bool = False,
        reset: bool = False,
    ) -> None:
        self.frames = [*encoded(pictures)] if pictures else []
        self.rate, self.status, self.silent_from, self.endless = rate, status, silent_from, endless
        self.seconds, self.mute, self.reset = seconds, mute, reset
        self.requests = list[str]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/street"

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            while request := _request(connection):
                self.requests.append(request)
                if self.mute:
                    continue
                method, number = request.split()[0], re.search(r"(?im)^cseq: *(\d+)", request)
                assert number
                head = f"RTSP/1.0 {{}}\r\nCSeq: {number[1]}\r\nSession: 1\r\n"
                status = self.status if method == "DESCRIBE" else "200 OK"
                body, more = "", ""
                if method == "OPTIONS":
                    more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
                if method == "DESCRIBE" and status == "200 OK":
                    length = "" if self.seconds is None else f"a=range:npt=0-{self.seconds:.3f}\r\n"
                    body = SDP.format(length=length)
                    more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                if method == "SETUP":
                    more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                connection.sendall((head.format(status) + more + "\r\n" + body).encode())
                if method == "PLAY":
                    self._play(connection)
                    return
        except OSError:  # the reader went away
            pass
        finally:
            connection.close()

    def _play(self, connection: socket.socket) -> None:
        number = sequence = 0
        while number < len(self.frames) or self.endless:
            if number == self.silent_from:
                time.sleep(3600)
            units = self.frames[number % len(self.frames)]
            for place, unit in enumerate(units):
                marker = 128 if place == len(units) - 1 else 0
                stamp = number * CLOCK // round(self.rate or 25)
                packet = struct.pack(">BBHII", 128, marker | 96, sequence % 65536, stamp % 2**32, 7) + unit
                connection.sendall(struct.pack(">BBH", 36, 0, len(packet)) + packet)
                sequence += 1
            number += 1
            if self.rate:
                time.sleep(1 / self.rate)
        if self.reset:  # closing sends RST instead of FIN
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def encoded(pictures: list[np.ndarray]) -> Iterator[list[bytes]]:
    """NAL units of every picture; each picture is a key frame with its parameter sets."""
    import av

    coder: Any = av.CodecContext.create("libx264", "w")
    coder.height, coder.width = pictures[0].shape[:2]
    coder.pix_fmt, coder.time_base = "yuv420p", Fraction(1, 25)
    coder.options = {"tune": "zerolatency", "x264-params": "keyint=1"}
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        content = b"".join(bytes(packet) for packet in coder.encode(frame))
        yield [unit for unit in re.split(b"\x00?\x00\x00\x01", content) if unit]


def _request(connection: socket.socket) -> str:
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            return ""
        text += part
    return text.decode()
