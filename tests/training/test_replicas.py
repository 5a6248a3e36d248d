"""Two and four replicas train what one process trains; interrupted, they go on with the same bits."""

import functools
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.amp.grad_scaler import GradScaler

from atrous.cli.main import main
from atrous.data.loader import Batch, training_batches
from atrous.data.sample import Sample
from atrous.data.transforms.scale_crop import ScaleCrop
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import TimmConfig
from atrous.training import run
from atrous.training.config import DistillationConfig, LossConfig
from atrous.training.loop import ValidationResult
from atrous.training.loss import SegmentationLoss
from atrous.training.replicas import SINGLE_PROCESS, Replicas, replicas_from_environment
from atrous.training.stages import Stage
from atrous.training.start import fresh_state
from atrous.training.step import train_step
from atrous.training.teacher import Teacher
from fakes.camvid import fake_camvid
from fakes.memory_data import MemoryData
from fakes.replicas import exit_codes, in_replicas
from fakes.run import CPU, MODEL, changed
from torchvision_shim import import_module

import_module("timm")  # replicas import this file, too

QUIET = replace(MODEL, head=replace(MODEL.head, dropout=0.0))
CONFIG = changed(
    model=QUIET,
    iterations=4,
    batch_size=4,
    learning_rate=0.02,
    loss=LossConfig(class_balance=0.5),
    jitter=0.1,
    norm_momentum=0.7,
    validate_every=4,
)
OF_TIMM = replace(QUIET, backbone=TimmConfig("mobilenetv4_conv_small_035"), decoder=None)
TAUGHT = DistillationConfig(teacher="teacher", unlabelled="pictures")


def lopsided() -> MemoryData:
    """Five images; one has no label at all, one hardly any."""
    generator, space = np.random.default_rng(0), LabelSpace.unnamed(11)
    samples = []
    for number in range(5):
        image = generator.integers(0, 256, (18, 24, 3), dtype=np.uint8)
        labels = generator.integers(0, 11, (18, 24), dtype=np.uint8)
        labels[[18, 0, 18, 2, 18][number] :] = space.ignore
        samples.append(Sample(f"i{number}", image, labels))
    return MemoryData(space, tuple(samples))


def train_in(replicas: Replicas, folder, config, *, die_after=None, dtype=torch.float32) -> dict[str, torch.Tensor]:
    """Train in `folder`, going on with what is there; the first replica is killed after that validation."""
    torch.set_default_dtype(dtype)
    run.write_report = run.write_picture = write_nothing
    data = lopsided()
    stage = Stage(config, data, data, run.Run(folder, settings={"training": config}))
    if config.distillation.teacher:
        torch.manual_seed(7)
        teacher = Teacher(build(QUIET).eval().requires_grad_(requires_grad=False), torch.arange(11), "", 0.1, 1.0)
        stage = replace(stage, teacher=teacher, unlabelled=data)
    state = stage.fresh_state(device=CPU)
    if not replicas.is_rank_0:
        for parameter in state.model.parameters():
            parameter.data.zero_()  # what a replica starts from is of no account
    stage.resume(state, replicas=replicas)
    for event in stage.events(state, device=CPU, replicas=replicas):
        assert replicas.is_rank_0 or not isinstance(event, ValidationResult)
        if die_after is not None and isinstance(event, ValidationResult) and event.iteration >= die_after:
            os.kill(os.getpid(), signal.SIGKILL)
    tensors = {f"average.{name}": value for name, value in state.result.state_dict().items()}
    ended = torch.tensor([state.iteration, state.best[1]])
    return {**state.model.state_dict(), **tensors, "ended": ended, "best": torch.tensor(state.best[0])}


def write_nothing(path: Path, *_, **__) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()


train_in_double = functools.partial(train_in, dtype=torch.float64)  # where chaos is slow
train_and_die = functools.partial(train_in, die_after=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"workers": 1}, 2),
        ({"norms": "frozen", "accumulate": 2}, 2),
        ({}, 4),
        ({"distillation": TAUGHT}, 2),
        ({"model": OF_TIMM}, 2),
        ({"logit_adjustment": 0.5, "norm_images": 6}, 2),
    ],
    ids=["batch norm trained", "frozen, in parts", "four", "a teacher", "a network of timm", "what is saved changed"],
)
def test_replicas_train_what_one_process_trains(changes, size, tmp_path):
    config = replace(CONFIG, **changes)
    (expected,) = in_replicas(train_in_double, tmp_path / "log", tmp_path / "one", config, size=1)
    found = in_replicas(train_in_double, tmp_path / "log", tmp_path / "all", replace(config, replicas=size), size=size)
    assert expected["ended"].tolist()[0] == 4
    for name, value in expected.items():
        torch.testing.assert_close(found[0][name], value, rtol=1e-8, atol=1e-8)
        assert all(torch.equal(found[0][name], other[name]) for other in found[1:]), name
    saved, alone = (load_file(tmp_path / name / "last.safetensors") for name in ("all", "one"))
    for name, value in alone.items():
        torch.testing.assert_close(saved[name], value, rtol=1e-5, atol=1e-6)
    ours, theirs = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("all", "one")
    )
    assert len(ours) == len(theirs) == 2
    for one, other in zip(ours, theirs, strict=True):
        for name in ("loss", "confident"):
            assert one.get(name, 0) == pytest.approx(other.get(name, 0), abs=1e-10)


@pytest.mark.slow
def test_killed_and_started_again_is_undisturbed_bit_for_bit(tmp_path):
    config = replace(CONFIG, model=MODEL, replicas=2, validate_every=2)  # with dropout
    whole = in_replicas(train_in, tmp_path / "log", tmp_path / "whole", config)
    first, second = exit_codes(train_and_die, tmp_path / "killed", tmp_path / "parts", config)
    assert (first, second) == (-signal.SIGKILL, 2)
    told = (tmp_path / "killed" / "1.txt").read_text()
    assert told == "replica 1 of 2 lost another one; see the message of that one for the reason"
    assert json.loads((tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()[-1])["iteration"] == 2
    parts = in_replicas(train_in, tmp_path / "log", tmp_path / "parts", config)
    for rank in (0, 1):
        assert all(torch.equal(value, parts[rank][name]) for name, value in whole[rank].items())
    mine, other = (load_file(tmp_path / name / "state.safetensors") for name in ("parts", "whole"))
    assert any(name.startswith("momentum.") for name in mine)
    assert all(torch.equal(value, other[name]) for name, value in mine.items())


def test_patience_ends_all_alike(tmp_path):
    # At this rate nothing changes, so that no validation beats the first.
    still = replace(CONFIG, iterations=60, validate_every=2, learning_rate=1e-30, norms="frozen")
    config = replace(still, replicas=2, patience=2)
    for found in in_replicas(train_in, tmp_path / "log", tmp_path / "run", config):
        assert found["ended"].tolist() == [6, 2]


def stepped(replicas: Replicas, factors) -> dict[str, torch.Tensor]:
    """A step under a loss scale; each replica's gradient of the last bias is multiplied by its factor."""
    config = replace(CONFIG, replicas=2)
    data = lopsided()
    state = fresh_state(config, data=data, device=CPU)
    state.scaler = GradScaler("cpu", init_scale=2.0**10)
    factor = factors[replicas.rank]
    state.model.classifier.bias.register_hook(lambda gradient: gradient * factor)
    images = torch.randint(0, 256, (2, 3, 17, 17), dtype=torch.uint8)
    labels = torch.randint(0, 11, (2, 17, 17), dtype=torch.uint8)
    before = state.model.classifier.bias.detach().clone()
    loss_function = SegmentationLoss(data, device=CPU)
    batch = Batch(images, labels, tuple("abcd"))
    train_step(state, config, batch=batch, rate=0.1, loss_function=loss_function, device=CPU, replicas=replicas)
    bias = state.model.classifier.bias.detach()
    words = divmod(torch.initial_seed(), 2**32)  # what dropout was drawn from
    return {"scale": torch.tensor(state.scaler.get_scale()), "moved": bias - before, "seed": torch.tensor(words)}


def test_an_overflow_on_one_replica_is_one_on_all(tmp_path):
    first, second = in_replicas(stepped, tmp_path / "finite", (1.0, 1.0))
    assert (first["scale"].item(), second["scale"].item()) == (1024, 1024)
    assert torch.equal(first["moved"], second["moved"])
    assert first["moved"].abs().min() > 0
    assert (first["seed"].tolist(), second["seed"].tolist()) == ([0, 0], [0x9E3779B1, 0])
    for found in in_replicas(stepped, tmp_path / "infinite", (1.0, float("inf"))):
        assert found["scale"].item() == 512
        assert not found["moved"].any()


def test_each_replica_decodes_its_rows_and_knows_all_names():
    data, transforms = lopsided(), (ScaleCrop((9, 11), (1, 2, 3), 255),)

    def stream(rows: slice) -> list[Batch]:
        batches = training_batches(data, transforms, batch_size=6, seed=3, start=1, stop=4, workers=0, rows=rows)
        return list(batches)

    parts = [stream(Replicas(rank, 3).rows(6)) for rank in range(3)]
    for whole, *shares in zip(stream(slice(None)), *parts, strict=True):
        assert [len(share.images) for share in shares] == [2, 2, 2]
        assert torch.equal(torch.cat([share.images for share in shares]), whole.images)
        assert torch.equal(torch.cat([share.labels for share in shares]), whole.labels)
        assert all(share.names == whole.names for share in shares)


@pytest.mark.parametrize(("replicas", "accumulate"), [(3, 1), (2, 4), (0, 1), (-2, 1), (8, 1)])
def test_shares_must_be_equal(replicas, accumulate):
    with pytest.raises(InputError, match=f"^{replicas} replicas.* do not divide the batch size 4 into equal parts"):
        changed(batch_size=4, accumulate=accumulate, replicas=replicas)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, SINGLE_PROCESS),
        ({"RANK": "0", "WORLD_SIZE": "1"}, SINGLE_PROCESS),  # other launchers say this to a single process, too
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, SINGLE_PROCESS),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, Replicas(5, 8, 1)),
        ({"RANK": "2", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "RANK=2, WORLD_SIZE=2, LOCAL_RANK=0 contradict"),
        ({"RANK": "0", "WORLD_SIZE": "two", "LOCAL_RANK": "0"}, "RANK=0, WORLD_SIZE=two, LOCAL_RANK=0 are no numbers"),
    ],
)
def test_what_torchrun_says(said, found, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    if isinstance(found, Replicas):
        assert replicas_from_environment() == found
    else:
        with pytest.raises(InputError, match=f"^{found}"):
            replicas_from_environment()


def test_every_replica_has_a_device_of_its_own(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert SINGLE_PROCESS.local_device(torch.device("cuda")) == torch.device("cuda")
    assert Replicas(1, 2, 1).local_device(CPU) == CPU
    assert chosen == []
    assert Replicas(3, 4, 1).local_device(torch.device("cuda")) == torch.device("cuda:1") == chosen[0]
    with pytest.raises(InputError, match=r"^replica 2 has no GPU of its own, this machine has 2; .*-node 2$"):
        Replicas(2, 3, 2).local_device(torch.device("cuda"))
    with pytest.raises(InputError, match="not on mps; choose --device cpu"):
        Replicas(1, 2, 1).local_device(torch.device("mps"))


TINY = (
    "--recipe scenes --device cpu --iterations 2 --norm-momentum 0.9 --validate-every 2 --crop 17 17 --workers 0 "
    "--depth-multiplier 0.1 --aspp-channels 8"
)


def by_torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "atrous"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_torchrun_trains_two_stages_and_tells_once(tmp_path, capsys):
    data, out = fake_camvid(tmp_path / "data"), tmp_path / "run"
    command = ["train", str(data), "--out", str(out), *TINY.split(), "--batch-size", "2"]
    command += ["--second-iterations", "2", "--second-split", "train"]
    done = by_torchrun(*command)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["last", "best", "page"]
    assert done.stderr.count("11 classes; 2 replicas; 0 of 2 iterations are done") == 2  # one per stage
    assert "Traceback" not in done.stderr
    assert json.loads((out / "config.json").read_text())["training"]["replicas"] == 2
    assert "<dt>replicas</dt><dd>2</dd>" in (out / "report.html").read_text()
    assert main(command) == 0  # one process takes the finished run as its own
    assert capsys.readouterr().out == done.stdout


def test_a_batch_that_cannot_be_shared_is_a_line_before_anything_starts(tmp_path, capsys, monkeypatch):
    for name, value in {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0}.items():
        monkeypatch.setenv(name, str(value))
    data = fake_camvid(tmp_path / "data")
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *TINY.split(), "--batch-size", "3"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "atrous train: 2 replicas, accumulate 1 do not divide the batch size 3 into equal parts; choose a multiple of 2"
    ]


def test_replicas_that_nobody_started_are_refused(tmp_path, capsys):
    data = fake_camvid(tmp_path / "data")
    options = [*TINY.split(), "--batch-size", "4", "--replicas", "4"]
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *options]) == 2
    told = capsys.readouterr().err
    assert "--replicas 4, but 1 started; " in told
    assert "torchrun --nproc-per-node 4 -m atrous train" in told
