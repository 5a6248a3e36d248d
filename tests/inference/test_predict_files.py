"""Where outputs go, and that one bad picture does not stop the others."""

import errno
import os
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atrous.errors import InputError
from atrous.inference import predict_files as module
from atrous.inference.output_files import PredictionFiles, plan_files
from atrous.inference.predict_files import TilingRule, predict_files
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.tiles import Tiling
from fakes.executed_lines import count_lines
from fakes.geotiff import write_tiff
from fakes.lively_model import blocks, lively_archive

OUT = Path("out")


def names(sources):
    plan = plan_files([Path(source) for source in sources], out=OUT)
    return [files.labels.relative_to(OUT).as_posix() for files in plan]


def write_picture(path, *, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = blocks(34, 50, seed=seed)[0].permute(1, 2, 0).numpy()
    Image.fromarray(array).save(path)
    return array


def test_outputs_are_named_after_the_pictures():
    assert tuple(plan_files([Path("photos/a.b.jpg"), Path("more/c.tif")], out=OUT)) == (
        PredictionFiles(Path("photos/a.b.jpg"), labels=OUT / "a.b.png", overlay=OUT / "a.b_overlay.jpg"),
        PredictionFiles(Path("more/c.tif"), labels=OUT / "c.png", overlay=OUT / "c_overlay.jpg"),
    )
    assert plan_files([Path("a.jpg")], out=OUT, overlays=False)[0].overlay is None


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["in/x/a.jpg", "in/y/a.jpg", "in/y/b.jpg"], ["x/a.png", "y/a.png", "y/b.png"]),
        (["in/a.jpg", "in/x/a.jpg"], ["a.png", "x/a.png"]),
        (["in/x/a.jpg", "in/y/A.jpg"], ["x/a.png", "y/A.png"]),  # one file, where case does not count
        (["in/a.jpg", "in/a.png"], ["a.jpg.png", "a.png.png"]),
        (["in/a.jpg", "in/a.png", "in/a.jpg.bmp"], ["a.jpg.png", "a.png.png", "a.jpg.bmp.png"]),
        (["in/a.jpg", "./in/x/../a.jpg"], ["a.png"]),  # the same picture
    ],
)
def test_equal_names_never_meet(sources, expected):
    assert names(sources) == expected


PATHS = st.lists(st.sampled_from(["a", "b", "B", "a.jpg", "a_overlay", "x"]), min_size=1, max_size=3).map("/".join)


@given(st.lists(st.tuples(PATHS, st.sampled_from([".jpg", ".png", ".JPG"])).map("".join), min_size=1, unique=True))
def test_outputs_differ_and_stay_inside_the_folder(sources):
    plan = plan_files([Path("in", source) for source in sources], out=OUT)
    written = [str(path) for files in plan for path in (files.labels, files.overlay)]
    assert len(set(written)) == 2 * len(sources)
    assert all(path.startswith("out/") and ".." not in PurePosixPath(path).parts for path in written)


@pytest.mark.parametrize("source", ["a.png", "a.PNG", "a_overlay.jpg"])
def test_pictures_are_never_replaced(tmp_path, source):
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    pictures = [tmp_path / source, tmp_path / "a.jpg"][: 1 if "overlay" not in source else 2]
    with pytest.raises(InputError, match="would be replaced; choose another output folder"):
        plan_files(pictures, out=tmp_path / "link")


def test_pictures_are_written_and_bad_ones_reported(tmp_path):
    arrays = {name: write_picture(tmp_path / f"in/{name}.png", seed=seed) for seed, name in enumerate("abcde")}
    (tmp_path / "in/c.png").write_bytes((tmp_path / "in/c.png").read_bytes()[:60])
    predictor = Predictor(lively_archive())
    plan = plan_files(sorted((tmp_path / "in").iterdir()), out=tmp_path / "out")
    outcomes = list(predict_files(predictor, plan))
    assert [outcome.files for outcome in outcomes] == list(plan)
    assert [outcome.problem is None for outcome in outcomes] == [True, True, False, True, True]
    assert "in/c.png" in outcomes[2].problem
    for name in "abde":
        expected = predictor(arrays[name])
        with Image.open(tmp_path / f"out/{name}.png") as labels:
            np.testing.assert_array_equal(np.array(labels), expected.labels)
        with Image.open(tmp_path / f"out/{name}_overlay.jpg") as overlay:
            difference = np.array(overlay).astype(int) - np.array(expected.overlay())
        assert np.abs(difference).mean() < 8  # JPEG
    assert len(list((tmp_path / "out").iterdir())) == 8


def test_without_overlays_there_are_none(tmp_path):
    write_picture(tmp_path / "a.png")
    list(
        predict_files(
            Predictor(lively_archive()), plan_files([tmp_path / "a.png"], out=tmp_path / "out", overlays=False)
        )
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_an_output_that_cannot_be_written_stops_the_work(tmp_path):
    write_picture(tmp_path / "a.png")
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="cannot write"):
        list(predict_files(Predictor(lively_archive()), plan_files([tmp_path / "a.png"], out=tmp_path / "out")))


def test_odd_pictures_are_lines_of_their_own(tmp_path):
    """Too wide for JPEG, a name too long for the outputs, and a file that is none: the others are written."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in "ac":
        write_picture(folder / f"{name}.png")
    Image.fromarray(np.zeros((2, 66000, 3), np.uint8)).save(folder / "b.png")
    long = "n" * 249 + ".png"
    write_picture(folder / "x.png").tofile(folder / "raw")
    (folder / "x.png").rename(folder / long)
    plan = plan_files([folder / name for name in ("a.png", "b.png", long, "raw", "c.png")], out=out)
    problems = [outcome.problem for outcome in predict_files(Predictor(lively_archive()), plan)]
    assert [problem is None for problem in problems] == [True, False, False, False, True]
    assert "b.png: no overlay, since a JPEG has at most 65500 pixels per side" in problems[1]
    assert "File name too long; give it a shorter name" in problems[2]
    assert "not a picture of a known format" in problems[3]
    assert {"a.png", "a_overlay.jpg", "b.png", "c.png", "c_overlay.jpg"} <= {path.name for path in out.iterdir()}


@pytest.mark.parametrize("above_pixels", [0, 10**6])
def test_a_full_disk_ends_the_work_at_once(tmp_path, monkeypatch, above_pixels):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in "abc":
        write_picture(tmp_path / f"in/{name}.png")
    plan = plan_files(sorted((tmp_path / "in").iterdir()), out=tmp_path / "out")
    rule = TilingRule(Tiling(size=4096), above_pixels=above_pixels)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device; free some space"):
        list(predict_files(Predictor(lively_archive()), plan, tiles=rule))


def test_large_pictures_are_opened_one_at_a_time(tmp_path, monkeypatch):
    opened, events = [], []
    monkeypatch.setattr(module, "WHOLE_PIXELS", 100)
    monkeypatch.setattr(module, "read_whole", lambda path, **_: opened.append(path) or np.zeros((9, 9, 3), np.uint8))
    for name in "abc":
        write_picture(tmp_path / f"in/{name}.png")
    plan = plan_files(sorted((tmp_path / "in").iterdir()), out=tmp_path / "out")
    predictor = Predictor(lively_archive())
    compute = predictor.predict_batch
    monkeypatch.setattr(predictor, "predict_batch", lambda *a, **k: events.append(len(opened)) or compute(*a, **k))
    assert all(outcome.problem is None for outcome in predict_files(predictor, plan))
    assert events == [1, 2, 3]  # each is predicted before the next is decoded


@pytest.mark.parametrize(("probabilities", "expected"), [(True, 2), (False, 4)])
def test_few_results_with_probabilities_wait_to_be_written(tmp_path, monkeypatch, probabilities, expected):
    depths, ahead = [], module.prefetch
    monkeypatch.setattr(module, "prefetch", lambda *a, depth: depths.append(depth) or ahead(*a, depth=depth))
    write_picture(tmp_path / "in/a.png")
    plan = plan_files([tmp_path / "in/a.png"], out=tmp_path / "out")
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        list(predict_files(Predictor(lively_archive()), plan, probabilities=probabilities))
    finally:
        torch.set_num_threads(threads)
    assert depths == [expected]


@pytest.mark.parametrize("tile", [False, True])
@pytest.mark.parametrize(("depth", "ranges", "sampled"), [(8, (), 0), (16, ((0.0, 4095.0),), 0), (16, (), 1)])
def test_only_deep_pictures_without_a_range_are_searched_for_their_largest_value(
    tmp_path, monkeypatch, depth, ranges, sampled, tile
):
    seen, sample = [], module._sample
    monkeypatch.setattr(module, "_sample", lambda pixels: seen.append(pixels) or sample(pixels))
    image = np.full((34, 50, 3), 9, np.uint8 if depth == 8 else np.uint16)
    source = write_tiff(tmp_path / "a.tif", image, photometric="rgb")
    predictor = Predictor(lively_archive())
    predictor.picture_range = ranges
    rule = TilingRule(Tiling(size=4096), above_pixels=0) if tile else None
    (outcome,) = predict_files(predictor, plan_files([source], out=tmp_path / "out"), tiles=rule)
    assert outcome.problem is None
    assert len(seen) == sampled * tile
    assert (outcome.narrow is not None) == (sampled == 1)


def test_the_work_of_a_plan_grows_with_the_names_and_what_it_asks_the_disk_does_not(tmp_path, monkeypatch):
    asked, lstat = [], os.lstat
    monkeypatch.setattr(os, "lstat", lambda *path, **options: asked.append(path) or lstat(*path, **options))

    def lines(names):
        files = [tmp_path / f"in/{number}.jpg" for number in range(names)]
        return count_lines(lambda: plan_files(files, out=tmp_path / "out"))

    few, questions = lines(1000), len(asked)
    assert lines(10_000) < 10.1 * few
    assert len(asked) == 2 * questions > 0
