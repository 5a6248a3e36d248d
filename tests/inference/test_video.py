"""Videos go in and come out with the same frames, size and rate."""

from fractions import Fraction

import numpy as np
import pytest

import atrous
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.inference.video import predict_video
from fakes.lively_model import LABELS, blocks, lively_model

av = pytest.importorskip("av")


def write_video(path, *, frames: int, size=(48, 64), rate=Fraction(25)) -> None:
    """Blocks of colour that move one pixel per frame."""
    picture = blocks(size[0], size[1] + frames)[0].permute(1, 2, 0).numpy()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            part = np.ascontiguousarray(picture[:, index : index + size[1]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        container.mux(stream.encode(None))


def read_video(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return frames, stream.average_rate


def test_200_frames_come_out_with_the_same_count_size_and_rate(tmp_path, capsys):
    weights = tmp_path / "weights.safetensors"
    atrous.save(weights, lively_model(), labels=LABELS, provenance={})
    write_video(tmp_path / "street.mp4", frames=200, rate=Fraction(30000, 1001))
    assert main(["predict", str(weights), str(tmp_path / "street.mp4"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "street_overlay.mp4 (200 frames of 48x64, 29.97 per second)" in printed
    assert "classes  " in printed
    frames, rate = read_video(tmp_path / "out" / "street_overlay.mp4")
    assert len(frames) == 200
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert rate == Fraction(30000, 1001)
    source, _ = read_video(tmp_path / "street.mp4")
    predictor = atrous.Predictor(lively_model(), labels=LABELS)
    errors = []
    for index in (0, 199):
        expected = np.array(predictor(source[index]).overlay(legend=False)).astype(float)
        errors.append([np.abs(frames[at] - expected).mean() for at in (index, 199 - index)])
    assert all(own < other for own, other in errors)  # H.264 loses some, but frames keep their places


def test_smoothing_is_the_average_of_probabilities(tmp_path):
    write_video(tmp_path / "a.mp4", frames=3)
    predictor = atrous.Predictor(lively_model(), labels=LABELS)
    whole = predict_video(predictor, tmp_path / "a.mp4", tmp_path / "b.mp4", smoothing=0.5)
    frames, _ = read_video(tmp_path / "a.mp4")
    smoothed, counts = None, np.zeros(len(LABELS))
    for frame in frames:
        now = predictor.probabilities(frame).astype(np.float64)
        smoothed = now if smoothed is None else 0.5 * smoothed + 0.5 * now
        counts += np.bincount(smoothed.argmax(axis=0).ravel(), minlength=len(LABELS)) / (48 * 64)
    for label, name in enumerate(LABELS.names):
        assert whole.shares.get(name, 0.0) == pytest.approx(counts[label], abs=2e-3)


def test_bad_videos_are_one_line(tmp_path):
    predictor = atrous.Predictor(lively_model(), labels=LABELS)
    (tmp_path / "broken.mp4").write_bytes(b"no video at all" * 99)
    with pytest.raises(InputError, match=r"broken\.mp4: .*; convert it with ffmpeg"):
        predict_video(predictor, tmp_path / "broken.mp4", tmp_path / "out.mp4")
    with pytest.raises(InputError, match="no video file"):
        predict_video(predictor, tmp_path / "gone.mp4", tmp_path / "out.mp4")
    write_video(tmp_path / "a.mp4", frames=1)
    with pytest.raises(InputError, match="frames of 64 x 48 pixels, more than 100"):
        predict_video(predictor, tmp_path / "a.mp4", tmp_path / "out.mp4", max_pixels=100)
    assert not (tmp_path / "out.mp4").exists()
