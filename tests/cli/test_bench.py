"""`atrous bench`: the stages are those of a prediction, and bad input is one line."""

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.formats.images import read_image
from atrous.inference import timings as module
from atrous.inference.predictor import Predictor
from atrous.inference.timings import STAGES, stages
from fakes.lively_model import blocks, lively_archive


def test_the_stages_make_the_label_map_of_a_prediction(tmp_path):
    picture, labels, told = tmp_path / "a.png", tmp_path / "labels.png", []
    Image.fromarray(blocks(33, 49)[0].permute(1, 2, 0).numpy()).save(picture)
    predictor = Predictor(lively_archive())
    timed = stages(predictor, picture, labels, size=(33, 49), rounds=2, on_progress=lambda *done: told.append(done))
    np.testing.assert_array_equal(np.array(Image.open(labels)), predictor(read_image(picture)).labels)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert tuple(stage.name for stage in timed) == STAGES


def test_the_median_leaves_the_first_time_out(tmp_path, monkeypatch):
    seconds = iter([100.0, 3.0, 1.0, 2.0])
    monkeypatch.setattr(module, "_time_stages", lambda *_, **__: dict.fromkeys(STAGES, next(seconds)))
    timed = stages(Predictor(lively_archive()), tmp_path, tmp_path, size=(8, 8), rounds=3)
    assert {(stage.first, stage.median) for stage in timed} == {(100.0, 2.0)}


def test_the_table_names_every_stage(capsys):
    assert main(["bench", "deeplabv3_mobilenet_v2", "--size", "33x49", "--rounds", "1", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert all(stage in out for stage in STAGES)
    assert "output stride 16, 33x49, float32" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rounds", "0"], "0 rounds"),
        (["--size", "0"], "--size 0x0"),
        (["--size", "999999999"], "out of reach"),
        (["--output-stride", "7"], "7"),
        (["nothing_of_this_name"], "nothing_of_this_name"),
        (["--picture", "missing.png", "--size", "33"], "missing.png"),
    ],
)
def test_bad_input_is_one_line(arguments, said, capsys):
    assert main(["bench", "--device", "cpu", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert error.startswith("atrous bench:")
    assert len(error.splitlines()) == 1
