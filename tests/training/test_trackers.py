"""What TensorBoard reads back is what a run told."""

import json
import sys

import pytest

from atrous.cli.main import main
from atrous.errors import InputError
from atrous.training.observers import RunStart
from atrous.training.progress import TrainingProgress
from atrous.training.trackers import TensorBoardObserver
from fakes.camvid import fake_camvid

pytestmark = pytest.mark.usefixtures("nothing_drawn")

SETTINGS = (
    "--recipe scenes --device cpu --iterations 2 --norm-momentum 0.9 --validate-every 1 --batch-size 2 --crop 17 17 "
    "--depth-multiplier 0.1 --aspp-channels 8"
)


def read_back(folder) -> dict[str, list[tuple[int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.slow
def test_curves_are_those_of_the_metrics(tmp_path):
    pytest.importorskip("tensorboard")
    data, out = fake_camvid(tmp_path / "data"), tmp_path / "run"
    assert main(["train", str(data), "--out", str(out), *SETTINGS.split(), "--tensorboard"]) == 0
    found = read_back(out)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for tag, name in (
        ("train/loss", "loss"),
        ("train/learning rate", "rate"),
        ("seconds per step/data", "data_seconds"),
        ("validation/mIoU", "miou"),
    ):
        expected = [(record["iteration"], pytest.approx(record[name])) for record in records if name in record]
        assert found[tag] == expected
    assert "IoU/Sky" in found


def test_a_resumed_run_hides_what_it_repeats(tmp_path):
    pytest.importorskip("tensorboard")
    parts = [(0, [(10, 2.5, 1.5), (20, 1.5, 1.0)]), (10, [(20, 1.25, 1.0)])]
    for done, reports in parts:
        board = TensorBoardObserver()
        board.on_start(RunStart(tmp_path, done, 20, {}))
        for iteration, loss, seconds in reports:
            board.on_step(TrainingProgress(iteration, loss=loss, rate=0.125, seconds=seconds, data_seconds=0.25))
        board.on_end()
    found = read_back(tmp_path)
    assert found["train/loss"] == [(10, 2.5), (20, 1.25)]
    assert found["seconds per step/all"] == [(10, 1.5), (20, 1.0)]


def test_it_is_refused_where_it_is_not_installed(tmp_path, capsys, monkeypatch):
    data = fake_camvid(tmp_path / "data")
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert main(["train", str(data), "--out", str(tmp_path / "run"), "--tensorboard", "--recipe", "scenes"]) == 2
    told = capsys.readouterr().err
    assert told == "atrous train: --tensorboard needs tensorboard; install it with: pip install 'atrous[tensorboard]'\n"
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="needs tensorboard; install it"):
        TensorBoardObserver()
