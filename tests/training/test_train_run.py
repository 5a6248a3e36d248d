"""Training from Python: any data, loss and observer, and the same files as from the command line."""

import inspect
import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

import atrous
from atrous.cli.main import main
from atrous.data.sample import Sample
from atrous.training.checkpoint import saved_iteration
from atrous.training.observers import Observer, check_observers
from atrous.training.trackers import MlflowObserver, WandbObserver
from atrous.training.train_run import chosen_recipe, log_start
from atrous.training.user_data import as_data_set
from fakes.camvid import fake_camvid

pytestmark = pytest.mark.usefixtures("nothing_drawn")

SMALL = {
    "recipe": "scenes", "iterations": 2, "norm_momentum": 0.9, "validate_every": 1, "batch_size": 2, "crop": 17,
    "depth_multiplier": 0.1, "aspp_channels": 8, "seed": 3,
}  # fmt: skip


def squares(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Bright squares on dark noise, with their masks and one ignored corner."""
    generator = np.random.default_rng(0)
    pairs = []
    for _ in range(count):
        image = generator.integers(0, 90, (24, 30, 3), dtype=np.uint8)
        labels = np.zeros((24, 30), np.int64)
        top, left = generator.integers(2, 12, 2)
        image[top : top + 9, left : left + 9] += 150
        labels[top : top + 9, left : left + 9] = 1
        labels[:2, :2] = 255
        pairs.append((image, labels))
    return pairs


def test_python_and_command_line_train_the_same_bits(tmp_path):
    data = fake_camvid(tmp_path / "data")
    done = atrous.train(data, out=tmp_path / "python", **SMALL)
    options = [
        word
        for name, value in SMALL.items()
        for word in (f"--{name.replace('_', '-')}", *(("17", "17") if name == "crop" else (str(value),)))
    ]
    assert main(["train", str(data), "--out", str(tmp_path / "cli"), "--device", "cpu", *options]) == 0
    assert done.last == tmp_path / "python" / "last.safetensors"
    assert done.iterations == 2
    ours, theirs = load_file(done.last), load_file(tmp_path / "cli" / "last.safetensors")
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert (tmp_path / "python/config.json").read_text() == (tmp_path / "cli/config.json").read_text()
    report = atrous.evaluate(tmp_path / "python", atrous.open_data(data, split="val"))
    last = [json.loads(line) for line in (tmp_path / "python/metrics.jsonl").read_text().splitlines()][-1]
    assert report.miou == pytest.approx(last["miou"], abs=1e-9)


def test_a_sequence_of_pairs_and_an_own_loss(tmp_path):
    calls = []

    def own_loss(logits, labels):
        calls.append((tuple(logits.shape), tuple(labels.shape)))
        full = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=True)
        return F.cross_entropy(full, labels.long(), ignore_index=255)

    settings = {**SMALL, "iterations": 1, "norm_momentum": 1.0}
    done = atrous.train(
        squares(6), validation=squares(2), classes=["dark", "bright"], out=tmp_path, loss=own_loss, **settings
    )
    assert len(calls) == 1
    assert calls[0] == ((2, 2, 5, 5), (2, 17, 17))  # decoder at stride 4
    archive = atrous.load(done.last)
    assert archive.labels.names == ("dark", "bright")
    assert 0 <= done.miou <= 1
    with pytest.raises(atrous.InputError, match="loss_function"):
        atrous.train(squares(6), validation=squares(2), classes=["dark", "bright"], out=tmp_path, **settings)
    plain = atrous.train(
        squares(6), validation=squares(2), classes=["dark", "bright"], out=tmp_path / "plain", **settings
    )
    own, built_in = (json.loads((run.folder / "metrics.jsonl").read_text().splitlines()[0]) for run in (done, plain))
    assert own["loss"] == pytest.approx(built_in["loss"], rel=1e-5)  # the same function


def test_two_stages_are_those_of_the_command_line(tmp_path):
    data = fake_camvid(tmp_path / "data")
    second = {"second_iterations": 1, "second_split": "val", "second_batch_size": 1}
    atrous.train(data, out=tmp_path / "python", device="cpu", **SMALL, **second)
    words = f"{data} --out {tmp_path / 'cli'} --device cpu".split()
    for name, value in (SMALL | second).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    assert main(["train", *words]) == 0
    for stage in ("stage1", "."):
        ours, theirs = (load_file(tmp_path / run / stage / "last.safetensors") for run in ("python", "cli"))
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    provenance = atrous.load(tmp_path / "python").provenance
    assert (provenance["training"]["norms"], provenance["trained_on"]["split"]) == ("frozen", "val")


def test_the_second_stage_of_a_sequence_has_the_same_samples(tmp_path):
    settings = {**SMALL, "iterations": 1, "norm_momentum": 1.0, "second_iterations": 1}
    done = atrous.train(squares(4), out=tmp_path, device="cpu", **settings)
    assert (done.iterations, done.best) == (1, None)
    assert atrous.load(tmp_path / "stage1/last.safetensors").provenance["trained_on"]["images"] == 4
    assert atrous.load(done.last).model.output_stride == 8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the sequence of samples is empty"),
        ([np.zeros((4, 4, 3), np.uint8)] * 2, "sample 0 is a ndarray; give atrous.Sample objects or"),
        ([(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8))], r"image is float32 \[4, 4, 3\]; give uint8"),
        ([(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))], r"labels are uint8 \[4, 5\]; give integers"),
        ([(np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 9))], "sample 0 has label 9; classes are 0..1, ignore 255"),
    ],
)
def test_wrong_data_is_one_line(tmp_path, data, message):
    with pytest.raises(atrous.InputError, match=message):
        atrous.train(data, out=tmp_path / "run", classes=["a", "b"], **SMALL)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_classes_are_counted_in_labels_of_every_integer_type(dtype):
    pictures = [np.zeros((4, 4, 3), np.uint8)] * 2
    labels = [np.full((4, 4), 255, dtype), np.array([[0, 1, 2, 255]] * 4, dtype)]
    assert len(as_data_set([*zip(pictures, labels, strict=True)]).labels) == 3
    assert len(as_data_set([(pictures[0], np.zeros((4, 4), dtype))]).labels) == 1
    with pytest.raises(atrous.InputError, match="no sample has a labelled pixel"):
        as_data_set([(pictures[0], labels[0])])


def test_other_kinds_of_data_are_refused():
    with pytest.raises(atrous.InputError, match="data is a int; give a folder, a data set, or a sequence of samples"):
        as_data_set(42)


def test_a_misspelt_device_costs_no_look_at_the_data(tmp_path):
    with pytest.raises(atrous.InputError, match="device cdua"):
        atrous.train(tmp_path / "nowhere", out=tmp_path, device="cdua")


def test_the_start_is_said_once_and_not_on_resuming(tmp_path, caplog):
    start, out = chosen_recipe("finetune"), tmp_path / "run"
    for _ in range(2):
        log_start(start, {}, out=out)
        (out / "fold1").mkdir(parents=True, exist_ok=True)
        (out / "fold1" / "state.safetensors").touch()
    log_start(start, {"backbone_weights": None}, out=tmp_path)
    assert [record.getMessage() for record in caplog.records] == [start.start]


@pytest.mark.parametrize(
    ("name", "ours"),
    [("val", "validation"), ("callbacks", "observers"), ("criterion", "loss")],
)
def test_arguments_of_other_libraries_are_answered_with_ours(tmp_path, name, ours):
    with pytest.raises(atrous.InputError, match=f"unknown setting '{name}'; write {ours}="):
        atrous.train(squares(2), out=tmp_path, **{name: squares(2)})
    assert ours in inspect.signature(atrous.train).parameters


def test_unknown_settings_have_a_hint(tmp_path):
    with pytest.raises(atrous.InputError, match=r"unknown setting 'learning_rte'; did you mean 'learning_rate'\?"):
        atrous.train(squares(2), out=tmp_path, learning_rte=1.0)


def test_samples_of_the_user_stay_writable(tmp_path):
    image, labels = squares(1)[0]
    samples = [Sample("a", image, labels), Sample("b", image, labels)]
    atrous.train(samples, out=tmp_path, **{**SMALL, "iterations": 1, "norm_momentum": 1.0})
    image[0, 0] = 0


class Recorder(Observer):
    def __init__(self, fail_at: int = 0) -> None:
        self.seen, self.fail_at = [], fail_at

    def on_start(self, start):
        self.seen.append(("start", start.iteration))

    def on_step(self, progress):
        self.seen.append(("step", progress.iteration))
        if progress.iteration == self.fail_at:
            raise ZeroDivisionError("of the observer")

    def on_validation(self, validated):
        self.seen.append(("validation", validated.iteration))

    def on_end(self):
        self.seen.append(("end",))


def test_observers_are_called_in_order_and_one_that_raises_leaves_a_whole_state(tmp_path):
    settings = {**SMALL, "iterations": 3, "validate_every": 2}
    pictures = {"data": squares(4), "validation": squares(2)}
    recorder = Recorder()
    atrous.train(**pictures, out=tmp_path / "whole", observers=[recorder], **settings)
    order = [("step", 2), ("validation", 2), ("step", 3), ("validation", 3)]
    assert recorder.seen == [("start", 0), *order, ("end",)]
    failing = Recorder(fail_at=3)
    with pytest.raises(ZeroDivisionError, match="of the observer"):
        atrous.train(**pictures, out=tmp_path / "parts", observers=[failing], **settings)
    assert failing.seen[-1] == ("end",)
    assert saved_iteration(tmp_path / "parts" / "state.safetensors") == 3


def test_a_run_that_an_observer_ended_at_its_last_step_is_validated_and_has_weights(tmp_path):
    pictures = {"data": squares(4), "validation": squares(2)}
    whole = atrous.train(**pictures, out=tmp_path / "whole", **SMALL)
    with pytest.raises(ZeroDivisionError, match="of the observer"):
        atrous.train(**pictures, out=tmp_path / "parts", observers=[Recorder(fail_at=SMALL["iterations"])], **SMALL)
    resumed = atrous.train(**pictures, out=tmp_path / "parts", **SMALL)
    assert (resumed.miou, resumed.best_iteration) == (whole.miou, whole.best_iteration)
    assert resumed.miou is not None
    first, second = load_file(whole.last), load_file(resumed.last)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("observers", "message"),
    [
        (Observer(), "observers is a Observer; give a list"),
        (iter([Observer()]), "observers is a list_iterator; give a list"),
        ([Observer], "observers holds the class Observer; give instances"),
        ([print], "observers holds a builtin_function_or_method; give instances"),
    ],
)
def test_what_is_no_observer_is_refused(observers, message):
    with pytest.raises(atrous.InputError, match=message):  # `train` itself has checked types in tests
        check_observers(observers)


def test_wandb_offline_holds_the_curves(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    atrous.train(squares(4), validation=squares(2), out=tmp_path / "run", observers=[WandbObserver()], **SMALL)
    wandb.teardown()  # as at the end of the process: on a busy machine the file is written only then
    logs = [*(tmp_path / "run").glob("wandb/offline-run-*/*.wandb")]
    assert len(logs) == 1
    content = logs[0].read_bytes()
    assert b"train/loss" in content
    assert b"validation/mIoU" in content


def test_mlflow_without_a_place_is_refused_in_one_line(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nothing://here")
    with pytest.raises(atrous.InputError, match="MLflow cannot log to nothing://here; name a server by MLFLOW_TRA"):
        MlflowObserver()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")  # as the message proposes
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    MlflowObserver()
    assert mlflow.get_tracking_uri().endswith("mlruns")


def test_mlflow_reads_back_the_curves(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    atrous.train(squares(4), validation=squares(2), out=tmp_path / "run", observers=[MlflowObserver()], **SMALL)
    client = mlflow.MlflowClient()
    (experiment,) = [one for one in client.search_experiments() if one.name == "atrous"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "run"
    assert run.data.params["batch_size"] == "2"
    found = [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "validation/mIoU")]
    records = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert found == [(one["iteration"], pytest.approx(one["miou"])) for one in records if "miou" in one]
    assert os.path.exists(tmp_path / "run" / "last.safetensors")
