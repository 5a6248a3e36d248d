"""The state of a run is whole, belongs to the run, or is refused with the way out."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.training.checkpoint import load_state, previous_path, save_state, saved_iteration
from atrous.training.run import Run
from atrous.training.start import fresh_state
from fakes.run import CONFIG, CPU, changed, small_data, small_run

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def fresh(data: Path):
    return fresh_state(CONFIG, data=small_data(data), device=CPU)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 1
    path.write_bytes(content)


def test_one_wrong_bit_is_noticed_and_nothing_is_filled(tmp_path, data):
    state, path = fresh(data), tmp_path / "state.safetensors"
    save_state(path, state)
    load_state(path, fresh(data))
    flip_a_bit(path)
    other = fresh(data)
    before = {name: tensor.clone() for name, tensor in other.model.state_dict().items()}
    with pytest.raises(InputError, match=r"its content does not match its digest; delete it .* --weights last"):
        load_state(path, other)
    assert all(torch.equal(before[name], tensor) for name, tensor in other.model.state_dict().items())


def test_the_state_before_is_kept_and_a_run_goes_on_from_it_to_the_same_end(tmp_path, data):
    whole = small_run(tmp_path / "whole", data)
    assert not previous_path(tmp_path / "whole" / "state.safetensors").exists()  # all steps are done
    small_run(tmp_path / "parts", data, stop=4)
    path = tmp_path / "parts" / "state.safetensors"
    assert (saved_iteration(previous_path(path)), saved_iteration(path)) == (2, 4)
    flip_a_bit(path)
    with pytest.raises(InputError, match="does not match its digest; go on from the state before with --resume-prev"):
        small_run(tmp_path / "parts", data)
    settings = {"training": CONFIG, "data": small_data(data).describe()}
    state = fresh(data)
    assert Run(tmp_path / "parts", settings=settings).resume(state, previous=True)
    assert state.iteration == 2
    assert not previous_path(path).exists()
    parts = small_run(tmp_path / "parts", data)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, parts.model.state_dict()[name]), name


def test_no_state_before_is_one_line(tmp_path, data):
    with pytest.raises(InputError, match=r"there is no .*state\.previous\.safetensors; leave out --resume-previous"):
        Run(tmp_path, settings={}).resume(fresh(data), previous=True)


@pytest.mark.parametrize(
    ("iteration", "best", "message"),
    [
        (7, [0.5, 4], "it is of iteration 7, this run has 6"),
        (4, [0.5, 5], "its best mIoU 0.5 at iteration 5 is impossible"),
        (4, [1.5, 4], "its best mIoU 1.5 at iteration 4 is impossible"),
    ],
)
def test_numbers_that_the_run_cannot_have_are_refused(tmp_path, data, iteration, best, message):
    state, path = fresh(data), tmp_path / "state.safetensors"
    save_state(path, state)
    header = json.dumps({"iteration": iteration, "best": best})
    save_file(load_file(path), path, metadata={"atrous_state": header})
    with pytest.raises(InputError, match=message):
        load_state(path, state, iterations=6)


def test_weights_that_are_not_finite_are_refused(tmp_path, data):
    state, path = fresh(data), tmp_path / "state.safetensors"
    with torch.no_grad():
        state.model.classifier.bias[1] = float("nan")
    save_state(path, state)
    with pytest.raises(InputError, match=r"its tensor \w+\.classifier\.bias is not finite"):
        load_state(path, fresh(data))


def test_another_number_of_threads_is_said(tmp_path, data, caplog):
    state, path = fresh(data), tmp_path / "state.safetensors"
    caplog.clear()
    save_state(path, state)
    load_state(path, state)
    assert caplog.text == ""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        load_state(path, state)
    finally:
        torch.set_num_threads(threads)
    assert f"was computed with {threads} threads, this process has {threads + 1}" in caplog.text


def test_a_file_is_on_disk_before_its_name_and_its_name_before_the_next_step(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append(os.fstat(fd).st_ino), fsync(fd)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("renamed"), replace(self, to)))
    with atomic_path(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert order == [(tmp_path / "file").stat().st_ino, "renamed", tmp_path.stat().st_ino]


def test_a_finished_run_goes_on_with_more_steps(tmp_path, data):
    short = changed(iterations=4, norm_momentum=0.7)
    small_run(tmp_path / "run", data, config=short)
    run = Run(tmp_path / "run", settings={"training": CONFIG, "data": small_data(data).describe()})
    assert run.extended_from == 4
    assert small_run(tmp_path / "run", data).iteration == 6
    with pytest.raises(InputError, match="training iterations: 6 there, 4 now"):
        small_run(tmp_path / "run", data, config=short)
    with pytest.raises(InputError, match="training learning_rate"):
        small_run(tmp_path / "run", data, config=changed(iterations=8, learning_rate=0.1))


def test_an_unfinished_run_keeps_its_schedule(tmp_path, data):
    small_run(tmp_path / "run", data, stop=2)
    with pytest.raises(InputError, match="training iterations: 6 there, 8 now"):
        small_run(tmp_path / "run", data, config=changed(iterations=8))


def test_odd_folders_are_one_line(tmp_path, data):
    (tmp_path / "locked" / ".lock").mkdir(parents=True)
    with (
        pytest.raises(InputError, match=r"cannot lock .*\.lock: .*; remove it"),
        Run(tmp_path / "locked", settings={}).locked(),
    ):
        pass
    small_run(tmp_path / "run", data, stop=2)
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(InputError, match=r"has a training state but no config\.json; choose another --out"):
        small_run(tmp_path / "run", data)


@pytest.mark.parametrize(
    "line", ['{"iteration": 3, "loss": "high"}', '{"iteration": true}', '{"iteration": 3, "a": [1]}']
)
def test_metrics_of_foreign_types_are_left_out(tmp_path, line):
    run = Run(tmp_path, settings={})
    run.metrics.write_text('{"iteration": 2, "loss": 1.5}\n' + line + "\n")
    assert run.records() == [{"iteration": 2, "loss": 1.5}]
