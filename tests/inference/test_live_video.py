"""RTSP streams on loopback are recorded with overlays; what ends or disturbs them is told, and what came is kept."""

import os
import signal
import threading
import time
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import atrous
from atrous.cli.main import main
from atrous.inference.live_frames import _Clock, live_source
from fakes.lively_model import LABELS, blocks, lively_model
from fakes.rtsp_server import RtspServer

av = pytest.importorskip("av")

PICTURES = [np.ascontiguousarray(blocks(48, 114)[0].permute(1, 2, 0).numpy()[:, i : i + 64]) for i in range(50)]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    atrous.save(path, lively_model(), labels=LABELS, provenance={})
    return path


@pytest.fixture
def impatient(monkeypatch):
    """Two seconds of silence are enough."""
    monkeypatch.setattr("atrous.cli.predict.PATIENCE", 2.0)


def predicted(weights, address, *words) -> int:
    return main(["predict", str(weights), address, "--out", str(weights.parent / "out"), *words])


def read(weights, name="street_overlay.mp4"):
    """Pictures and times in seconds of the video that was written; nothing else lies beside it."""
    assert os.listdir(weights.parent / "out") == [name]
    with av.open(str(weights.parent / "out" / name)) as container:
        frames = [*container.decode(container.streams.video[0])]
    return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames]


def interrupt_when(condition, number=signal.SIGINT) -> None:
    """Send this process a signal as soon as a condition is met."""

    def wait() -> None:
        while not condition():
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    threading.Thread(target=wait, daemon=True).start()


def test_a_stream_comes_out_with_its_frames_and_times_until_its_announced_end(weights, capsys):
    server = RtspServer(PICTURES, rate=20, seconds=2.5)
    assert predicted(weights, server.address) == 0
    printed = "".join(capsys.readouterr())
    pictures, times = read(weights)
    assert {picture.shape for picture in pictures} == {(48, 64, 3)}
    assert f"({len(pictures)} frames of 48x64, {times[-1]:.1f} s)" in printed
    assert "classes  " in printed
    assert "interrupt (Ctrl-C) ends it" in printed
    left_out = 50 - len(pictures)
    assert (f"{left_out} of 50 were left out" in printed) == (left_out > 0)
    assert times[-1] == pytest.approx(2.45, abs=0.7)  # 50 frames, 0.05 s apart; some of the first may be left out
    # The last frame is the overlay of the last picture, not of another.
    predictor = atrous.Predictor(lively_model(), labels=LABELS)
    own, other = (np.array(predictor(PICTURES[i]).overlay(legend=False)).astype(float) for i in (-1, 0))
    assert np.abs(pictures[-1] - own).mean() < np.abs(pictures[-1] - other).mean()


def test_frames_that_come_faster_than_the_prediction_are_left_out_and_told(weights, capsys):
    assert predicted(weights, RtspServer(PICTURES, rate=None, seconds=2).address) == 0
    pictures, times = read(weights)
    printed = capsys.readouterr().out
    assert f"frames   {50 - len(pictures)} of 50 were left out" in printed
    assert 12 <= len(pictures) < 50
    assert times[-1] <= 1.97  # the places of frames on the time axis stay: 50 frames at 25 per second


def test_times_that_cannot_be_believed_are_those_of_arrival():
    clock, tick = _Clock(), Fraction(1, 1000)
    own = [None, 0, 40, 80, 80, 10**9, 10**9 + 40, 0, None, None]
    arrivals = [5.0, 5.0, 5.0, 5.0, 5.5, 5.7, 5.7, 6.7, 6.8, 6.8]
    frames = [SimpleNamespace(pts=pts, time_base=tick) for pts in own]
    ticks = [clock.ticks_of(frame, arrived=at, rate=Fraction(25)) for frame, at in zip(frames, arrivals, strict=True)]
    steps = np.diff(np.array(ticks)) / 90
    assert steps == pytest.approx([40, 40, 40, 500, 200, 40, 1000, 100, 1 / 90])  # in milliseconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_closes_the_file_whole(weights, number, capsys):
    before = signal.getsignal(signal.SIGINT)  # a shell that starts commands in the background ignores it
    server = RtspServer(PICTURES, endless=True)
    interrupt_when(lambda: any(weights.parent.glob("out/.*")), number)
    assert predicted(weights, server.address) == 0
    pictures, _ = read(weights)
    assert f"({len(pictures)} frames" in capsys.readouterr().out
    assert signal.getsignal(number) is not None
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_before_the_first_picture_writes_nothing(weights, capsys):
    server = RtspServer([], mute=True)
    interrupt_when(lambda: server.requests)
    assert predicted(weights, server.address) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (weights.parent / "out").exists()


def test_seconds_end_a_recording(weights):
    started = time.monotonic()
    assert predicted(weights, RtspServer(PICTURES, endless=True).address, "--seconds", "1.5") == 0
    assert time.monotonic() - started < 60
    _, times = read(weights)
    assert 0.5 < times[-1] < 3  # some frames come at once, while the stream is opened; some are left out


@pytest.mark.parametrize("reset", [False, True])
def test_a_stream_that_breaks_off_is_kept_and_told(weights, reset, capsys):
    assert predicted(weights, RtspServer(PICTURES[:30], reset=reset).address) == 1
    pictures, _ = read(weights)
    assert pictures
    assert "street: the connection was closed by the other side; what had come is kept" in capsys.readouterr().err


def test_a_stream_that_is_shorter_than_announced_is_told(weights, capsys):
    assert predicted(weights, RtspServer(PICTURES[:30], seconds=60).address) == 1
    assert "closed by the other side; what had come is kept" in capsys.readouterr().err
    assert read(weights)[0]


@pytest.mark.usefixtures("impatient")
def test_a_stream_that_falls_silent_is_kept_and_told(weights, capsys):
    assert predicted(weights, RtspServer(PICTURES, silent_from=30).address) == 1
    pictures, _ = read(weights)
    assert pictures
    assert "street: no picture came for 2 s; check the address" in capsys.readouterr().err


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("server", [{"mute": True}, {"silent_from": 0}])
def test_endless_silence_is_one_line(weights, server, capsys):
    address = RtspServer(PICTURES[:1], **server).address
    assert predicted(weights, address.replace("//", "//user:secret@")) == 2
    error = capsys.readouterr().err
    assert "127.0.0.1" in error
    assert "no picture came for 2 s" in error
    assert "secret" not in error
    assert "user" not in error
    assert not (weights.parent / "out").exists()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("404 Not Found", "Server returned 404 Not Found; check the path"),
        ("401 Unauthorized", "put user and password into the address"),
        ("500 Oops", "check host, port and network"),
    ],
)
def test_a_refused_stream_is_one_line(weights, status, line, capsys):
    assert predicted(weights, RtspServer(PICTURES[:1], status=status).address) == 2
    error = capsys.readouterr().err
    assert line in error
    assert len(error.splitlines()) == 1
    assert not (weights.parent / "out").exists()


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("rtsp://127.0.0.1:1/street", "Connection refused; check host, port and network"),
        ("rtsp://u:secret@nowhere.invalid/street", "rtsp://nowhere.invalid/street: "),
        ("rtsp:///street", "rtsp:///street has no host or a wrong port"),
        ("rtsp://u:secret@host:many/street", "rtsp://host:many/street has no host or a wrong port"),
        ("/dev/video97", "/dev/video97: No such file or directory; list the devices with: ls /dev/video*"),
    ],
)
def test_what_cannot_be_reached_is_one_line(weights, address, line, capsys):
    assert predicted(weights, address) == 2
    error = capsys.readouterr().err
    assert line in error
    assert len(error.splitlines()) == 1
    assert "secret" not in error
    assert not (weights.parent / "out").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (av.error.PermissionError(13, "Permission denied"), "Permission denied; add the user to the group `video`"),
        (av.error.OSError(16, "Device or resource busy"), "busy; check that it is a webcam, and that no other program"),
    ],
)
def test_a_webcam_that_cannot_be_opened_is_one_line(weights, error, line, monkeypatch, capsys):
    asked = []

    def refuse(address, **settings):
        asked.append((address, settings["format"]))
        raise error

    monkeypatch.setattr(av, "open", refuse)
    assert predicted(weights, "/dev/video0") == 2
    assert asked == [("/dev/video0", "v4l2")]
    assert line in capsys.readouterr().err


def test_large_frames_are_refused(weights, capsys):
    assert predicted(weights, RtspServer(PICTURES, endless=True).address, "--max-pixels", "999") == 2
    assert "its frames have 64 x 48 pixels, more than 999" in capsys.readouterr().err


def test_a_recording_is_not_replaced(weights, capsys):
    (weights.parent / "out").mkdir()
    (weights.parent / "out" / "street_overlay.mp4").write_bytes(b"precious")
    server = RtspServer(PICTURES)
    assert predicted(weights, server.address) == 2
    assert "exists, and a recording cannot be made again" in capsys.readouterr().err
    assert not server.requests
    assert (weights.parent / "out" / "street_overlay.mp4").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--skip-done"], "--skip-done is for pictures"),
        (["--as", "coco"], "--as is for pictures"),
        (["--seconds", "0"], "0 seconds leave nothing to record"),
        (["--watch"], "--watch looks into one folder"),
        (["--ray"], "--ray predicts pictures"),
    ],
)
def test_options_that_mean_nothing_for_streams_are_refused(weights, words, line, capsys):
    assert predicted(weights, "rtsp://127.0.0.1:1/street", *words) == 2
    assert line in capsys.readouterr().err


def test_a_stream_is_the_only_input(weights, capsys):
    words = ["rtsp://127.0.0.1:1/street", "a.png", "--out", str(weights.parent / "out")]
    assert main(["predict", str(weights), *words]) == 2
    assert "name it as the only input" in capsys.readouterr().err


def test_seconds_are_refused_for_files(weights, capsys):
    assert predicted(weights, "a.mp4", "--seconds", "3") == 2
    assert "--seconds is for RTSP streams and webcams" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("rtsp://u:p@10.0.0.5:554/cam/realmonitor?channel=1&subtype=0", "realmonitor"),
        ("rtsps://camera.example", "camera.example"),
        ("RTSP://host/a/%2e%2e%2fb/", "_2e_2e_2fb"),
        ("rtsp://host/..", "stream"),
        ("/dev/video0", "video0"),
    ],
)
def test_outputs_are_named_after_the_source(name, stem):
    source = live_source(name)
    assert source is not None
    assert source.stem == stem


@pytest.mark.parametrize("name", ["http://host/a.jpg", "a.mp4", "rtsp", "/dev/null", "dev/video0"])
def test_other_inputs_are_no_live_sources(name):
    assert live_source(name) is None
