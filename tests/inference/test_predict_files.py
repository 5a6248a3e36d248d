"""Where outputs go, and that one bad picture does not stop the others."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atrous.errors import InputError
from atrous.inference.output_files import PredictionFiles, plan_files
from atrous.inference.predict_files import predict_files
from atrous.inference.predictor import Predictor
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
    assert plan_files([Path("photos/a.b.jpg"), Path("more/c.tif")], out=OUT) == (
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
