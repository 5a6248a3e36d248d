"""What the folder of a run lets in, keeps, and survives."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.training import loop
from atrous.training import run as run_module
from atrous.training.checkpoint import TrainingState, load_state, save_state
from atrous.training.loop import train
from atrous.training.progress import TrainingProgress
from atrous.training.run import Run
from atrous.training.start import fresh_state
from atrous.training.step import train_step
from fakes.run import CONFIG, CPU, changed, small_data, small_run

SHORT = changed(iterations=2, validate_every=1, norm_momentum=0.9)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def quick(monkeypatch):
    """Pages and pictures that cost nothing."""

    def write_text(path: Path, *_, **__) -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("drawn")

    monkeypatch.setattr(run_module, "write_report", write_text)
    monkeypatch.setattr(run_module, "write_picture", write_text)


def fresh(data: Path, config=SHORT) -> TrainingState:
    return fresh_state(config, data=small_data(data), device=CPU)


def events(state, run, data, config=SHORT):
    training, validation = small_data(data), small_data(data, "val")
    return train(state, config, data=training, validation=validation, run=run, device=CPU)


def records(folder: Path) -> list[dict]:
    """The metrics without the seconds, which no two runs share."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if "seconds" not in name} for line in lines]


def assert_same_runs(ours: Path, theirs: Path) -> None:
    assert records(ours) == records(theirs)
    for file in ("state.safetensors", "last.safetensors", "best.safetensors"):
        mine, other = (load_file(folder / file) for folder in (ours, theirs))
        assert set(mine) == set(other)
        for name, tensor in mine.items():
            assert torch.equal(tensor, other[name]), name


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_an_interrupt_at_any_file_leaves_whole_files_and_goes_on_to_the_same_end(tmp_path, data, monkeypatch):
    rename, calls, fatal = Path.replace, 0, 0

    def interrupted(self, target):
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    small_run(tmp_path / "whole", data, config=SHORT)
    files = calls
    assert files >= 2 + 5 + 4  # configuration, metrics; then last, best, page, picture, state; best only if better
    for fatal in range(1, files + 1):
        folder, calls = tmp_path / f"parts{fatal}", 0
        with pytest.raises(KeyboardInterrupt):
            small_run(folder, data, config=SHORT)
        assert not [path for path in folder.rglob("*") if ".part" in path.name]
        small_run(folder, data, config=SHORT)
        assert_same_runs(folder, tmp_path / "whole")


@pytest.mark.usefixtures("quick")
def test_workers_change_nothing_and_may_change_when_a_run_goes_on(tmp_path, data):
    small_run(tmp_path / "whole", data, config=SHORT)
    small_run(tmp_path / "parts", data, config=replace(SHORT, workers=2), stop=1)
    small_run(tmp_path / "parts", data, config=replace(SHORT, workers=1))
    assert_same_runs(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.usefixtures("quick")
def test_a_finished_run_has_nothing_left_to_do(tmp_path, data):
    small_run(tmp_path, data, config=SHORT)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    with Image.open(tmp_path / "pictures" / "batch.png") as picture:
        assert len(picture.getcolors(2**20) or ()) > 100  # the crops of the first batch
    state = small_run(tmp_path, data, config=SHORT)
    assert state.iteration == 2
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == before


def test_nothing_is_written_before_the_run_starts(tmp_path):
    Run(tmp_path / "new" / "run", settings={"training": SHORT})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_settings_may_change_until_there_is_something_to_lose(tmp_path, data):
    other = replace(SHORT, learning_rate=0.001)
    Run(tmp_path, settings={"training": SHORT}).resume(fresh(data))
    run = Run(tmp_path, settings={"training": other})
    state = fresh(data, other)
    assert not run.resume(state)
    assert json.loads(run.config.read_text())["training"]["learning_rate"] == 0.001
    for _ in events(state, run, data, other):
        pass
    with pytest.raises(InputError, match=r"training learning_rate: 0.001 there, 0.007 now"):
        Run(tmp_path, settings={"training": SHORT})
    run.state.unlink()  # killed between the first weights and the first state
    with pytest.raises(InputError, match="holds another run"):
        Run(tmp_path, settings={"training": SHORT})


@pytest.mark.parametrize("content", ['{"model_type": "bert"}', "[]", "{", "\xff", "[" * 100_000])
def test_a_folder_with_somebody_elses_configuration_is_left_alone(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="choose another --out"):
        Run(tmp_path, settings={"training": SHORT})
    assert (tmp_path / "config.json").read_bytes() == content.encode("latin-1")


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("keep me")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match=rf"cannot write {folder}: {tmp_path / 'file'} is no folder"):
            Run(folder, settings={})


def test_metrics_are_read_up_to_the_first_torn_line(tmp_path, data):
    run = Run(tmp_path, settings={})
    run.resume(fresh(data))
    progress = TrainingProgress(10, loss=1.5, rate=0.1, seconds=1.0, data_seconds=0.5)
    run.log(progress)
    for torn in (b'{"iteration": 2', b"3\n", b'{"loss": 1}\n', b"\xff\xfe\n", b"\0\0\0\0", b"[" * 100_000):
        run.metrics.write_bytes(run.metrics.read_bytes() + torn)
        assert run.records() == [{"iteration": 10, "loss": 1.5, "rate": 0.1, "seconds": 1.0, "data_seconds": 0.5}]
        run.metrics.write_bytes(run.metrics.read_bytes()[: -len(torn)])


def test_resuming_forgets_what_the_state_has_not_seen(tmp_path, data):
    state = fresh(data)
    run = Run(tmp_path, settings={})
    run.resume(state)
    for iteration in (10, 20, 30):
        run.log(TrainingProgress(iteration, loss=1.5, rate=0.1, seconds=1.0, data_seconds=0.5))
    state.iteration = 20
    run.save(state)
    assert run.resume(fresh(data))
    assert [record["iteration"] for record in run.records()] == [10, 20]


def test_torn_files_of_a_killed_run_are_cleared_away(tmp_path, data):
    with atomic_path(tmp_path / "last.safetensors") as temporary:
        kept = temporary.name
    (tmp_path / kept).write_bytes(b"half")
    (tmp_path / ".notes.part.txt").write_text("of somebody else")
    Run(tmp_path, settings={}).resume(fresh(data))
    assert not (tmp_path / kept).exists()
    assert (tmp_path / ".notes.part.txt").exists()


def test_a_full_disk_is_one_line_and_the_previous_state_stays(tmp_path, data):
    state = fresh(data)
    run = Run(tmp_path, settings={})
    run.resume(state)
    run.save(state)
    before = run.state.read_bytes()
    state.iteration = 1
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match=r"cannot write .*state\.safetensors: File too large; free some space"):
            run.save(state)
        run.metrics.write_bytes(b" " * 1000)
        with pytest.raises(InputError, match=r"cannot write .*metrics\.jsonl: File too large; free some space"):
            run.log(TrainingProgress(10, loss=1.5, rate=0.1, seconds=1.0, data_seconds=0.5))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.state.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "metrics.jsonl", "state.safetensors"]


@pytest.mark.parametrize("poisoned", ["loss", "weights"])
def test_what_is_not_finite_never_reaches_the_run_folder(tmp_path, data, poisoned, monkeypatch):
    config = changed(iterations=9, validate_every=9)

    def diverging(state, *args, **options):
        done = train_step(state, *args, **options)
        if state.iteration < 4:
            return done
        with torch.no_grad():
            state.model.classifier.bias.fill_(float("nan"))
        return replace(done, loss=done.loss * float("nan")) if poisoned == "loss" else done

    assert loop.SAVE_SECONDS <= 120  # what the README promises
    monkeypatch.setattr(loop, "train_step", diverging)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)  # saves after every step
    run = Run(tmp_path, settings={"training": config})
    state = fresh(data, config)
    run.resume(state)
    complaint = "the loss became nan at iteration 4, on 0" if poisoned == "loss" else "weights stopped .* iteration 4"
    with pytest.raises(InputError, match=rf"{complaint}.*the run folder keeps the last good state"):
        for _ in events(state, run, data, config):
            pass
    resumed = fresh(data, config)
    run.resume(resumed)
    assert resumed.iteration == 3
    assert all(tensor.isfinite().all() for tensor in load_file(run.state).values())


def altered(path: Path, change) -> None:
    """Save the state at `path` again with other tensors and another header."""
    tensors, header = load_file(path), {"iteration": 1, "best": [0.5, 1]}
    change(tensors, header)
    save_file(tensors, path, metadata={"atrous_state": json.dumps(header)})


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, _: tensors.pop("model.classifier.bias"),
        lambda tensors, _: tensors.update(more=torch.zeros(1)),
        # Would be broadcast without a word.
        lambda tensors, _: tensors.update({"model.classifier.bias": torch.zeros(1)}),
        lambda _, header: header.update(iteration=-1),
        lambda _, header: header.update(iteration="1"),
        lambda _, header: header.update(best=[float("nan"), 1]),
        lambda _, header: header.clear(),
    ],
    ids=["tensor missing", "tensor too many", "other shape", "negative", "text", "not a number", "nothing"],
)
def test_a_state_that_does_not_fit_is_refused_with_the_remedy(tmp_path, data, change):
    state, path = fresh(data), tmp_path / "state.safetensors"
    save_state(path, state)
    altered(path, lambda *_: None)
    load_state(path, state)
    assert (state.iteration, state.best) == (1, (0.5, 1))
    with pytest.raises(InputError, match="another model or optimiser"):
        load_state(path, fresh(data, changed(momentum=0.0)))
    altered(path, change)
    with pytest.raises(InputError, match=r"state\.safetensors is no training state of this run: .*; delete it"):
        load_state(path, fresh(data))


def test_two_processes_never_share_a_run_folder(tmp_path):
    data = small_data(tmp_path / "data")
    run = Run(tmp_path / "run", settings={"training": CONFIG, "data": data.describe()})
    program = (
        "import sys, pathlib; from atrous.errors import InputError; from atrous.training.run import Run\n"
        "try:\n    with Run(pathlib.Path(sys.argv[1]), settings={}).locked(): print('mine')\n"
        "except InputError as error: print(error)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    with run.locked():
        refused = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    allowed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert refused == (
        f"{tmp_path / 'run'} is being trained in by another process; wait for it, or choose another --out\n"
    )
    assert allowed == "mine\n"
