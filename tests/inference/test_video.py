"""Videos go in and come out with the same frames, size and rate."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

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


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    atrous.save(path, lively_model(), labels=LABELS, provenance={})
    return path


def predicted(weights, *words) -> int:
    return main(["predict", str(weights), *map(str, words), "--out", str(weights.parent / "out")])


def counts(folder) -> dict[str, int]:
    """Number of frames of every video below a folder."""
    return {str(path.relative_to(folder)): len(read_video(path)[0]) for path in folder.rglob("*.mp4")}


def test_videos_of_one_name_keep_their_folders_and_a_broken_one_is_its_own_line(weights, tmp_path, capsys):
    for number, folder in enumerate(("morning", "noon"), start=1):
        (tmp_path / "drives" / folder).mkdir(parents=True)
        write_video(tmp_path / "drives" / folder / "a.mp4", frames=number)
    (tmp_path / "drives" / "noon" / "bad.mp4").write_bytes(b"no video at all" * 99)
    assert predicted(weights, tmp_path / "drives" / "*" / "*.mp4") == 1
    assert counts(tmp_path / "out") == {"morning/a_overlay.mp4": 1, "noon/a_overlay.mp4": 2}
    printed = "".join(capsys.readouterr())
    assert "bad.mp4: Invalid data found when processing input; convert it with ffmpeg" in printed
    assert "1 of 3 videos failed, each named above" in printed


def test_a_folder_of_videos_gives_them_and_those_that_are_done_are_left_out(weights, tmp_path, capsys):
    (tmp_path / "drives").mkdir()
    write_video(tmp_path / "drives" / "a.mp4", frames=1)
    assert predicted(weights, tmp_path / "drives") == 0
    written = (tmp_path / "out" / "a_overlay.mp4").stat().st_mtime_ns
    write_video(tmp_path / "drives" / "b.mp4", frames=2)
    assert predicted(weights, tmp_path / "drives", "--skip-done") == 0
    assert counts(tmp_path / "out") == {"a_overlay.mp4": 1, "b_overlay.mp4": 2}
    assert (tmp_path / "out" / "a_overlay.mp4").stat().st_mtime_ns == written
    assert "1 videos were left out" in capsys.readouterr().out


def test_a_video_is_never_replaced_by_an_overlay(weights, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    for name in ("a", "a_overlay"):
        write_video(tmp_path / "out" / f"{name}.mp4", frames=1)
    content = (tmp_path / "out" / "a_overlay.mp4").read_bytes()
    assert predicted(weights, tmp_path / "out" / "a.mp4", tmp_path / "out" / "a_overlay.mp4") == 2
    assert (tmp_path / "out" / "a_overlay.mp4").read_bytes() == content
    assert "a_overlay.mp4 is one of the videos and would be replaced" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (["--probabilities"], "--probabilities is for pictures"),
        (["--tile", "513"], "--tile is for pictures"),
        (["--server", "voc"], "--server is for pictures"),
        (["--only", "names.txt"], "--only is for pictures"),
        (["--picture-range", "0", "9"], "--picture-range is for pictures"),
        (["--no-overlay"], "leave out --no-overlay"),
        (["--smoothing", "1.5"], "smoothing 1.5 is out of range"),
    ],
)
def test_options_that_mean_nothing_for_videos_are_refused(weights, tmp_path, option, line, capsys):
    write_video(tmp_path / "a.mp4", frames=1)
    assert predicted(weights, tmp_path / "a.mp4", *option) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_smoothing_is_refused_for_pictures(weights, tmp_path, capsys):
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    assert predicted(weights, tmp_path / "a.png", "--smoothing", "0.5") == 2
    assert "--smoothing 0.5 is for videos" in capsys.readouterr().err


def test_pictures_without_their_probabilities_are_not_done(weights, tmp_path):
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    assert predicted(weights, tmp_path / "a.png") == 0
    assert predicted(weights, tmp_path / "a.png", "--skip-done", "--probabilities") == 0
    assert np.load(tmp_path / "out" / "a_probabilities.npy").sum(axis=0) == pytest.approx(1, abs=0.01)
