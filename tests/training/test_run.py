import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from atrous.data.dataset import open_data
from atrous.data.loader import Batch
from atrous.demo.scenes import write_scenes
from atrous.errors import InputError
from atrous.training.loop import train
from atrous.training.loss import SegmentationLoss
from atrous.training.progress import LossWindow, TrainingProgress
from atrous.training.run import Run
from atrous.training.start import fresh_state
from atrous.training.step import rate_at, train_step
from atrous.weights.archive import load
from fakes.run import CONFIG, CPU, changed, small_data, small_run

pytestmark = pytest.mark.usefixtures("nothing_drawn")


def test_resumed_equals_undisturbed_bit_for_bit(tmp_path):
    small_run(tmp_path / "whole", tmp_path / "data")
    small_run(tmp_path / "parts", tmp_path / "data", stop=2)
    small_run(tmp_path / "parts", tmp_path / "data", stop=4)
    small_run(tmp_path / "parts", tmp_path / "data")
    whole, parts = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert set(whole) == set(parts)
    assert any(name.startswith("momentum.") for name in whole)
    assert any(name.startswith("average.") for name in whole)
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name
    metrics = [
        [{k: v for k, v in json.loads(line).items() if "seconds" not in k} for line in path.read_text().splitlines()]
        for path in (tmp_path / "whole" / "metrics.jsonl", tmp_path / "parts" / "metrics.jsonl")
    ]
    assert [record for record in metrics[0] if "miou" in record] == [
        record for record in metrics[1] if "miou" in record
    ]


def test_run_folder_holds_what_it_says(tmp_path):
    state = small_run(tmp_path / "run", tmp_path / "data")
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {
        "config.json", "metrics.jsonl", "state.safetensors", "last.safetensors", "best.safetensors", "report.html",
        "images.csv", "pictures",
    }  # fmt: skip
    last = load(tmp_path / "run" / "last.safetensors")
    assert last.labels.names[:2] == ("Sky", "Building")
    for ours, kept in zip(state.result.state_dict().values(), last.model.state_dict().values(), strict=True):
        assert torch.equal(ours, kept)
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["training"]["iterations"] == 6
    validations = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["iteration"] for record in validations if "miou" in record] == [2, 4, 6]
    assert max(record["miou"] for record in validations if "miou" in record) == pytest.approx(state.best[0])


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    small_run(tmp_path / "run", tmp_path / "data", stop=2)
    with pytest.raises(InputError, match=r"training learning_rate: 0.007 there, 0.5 now"):
        small_run(tmp_path / "run", tmp_path / "data", config=changed(learning_rate=0.5))


def test_damaged_state_is_refused_with_the_remedy(tmp_path):
    small_run(tmp_path / "run", tmp_path / "data", stop=2)
    state = tmp_path / "run" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    for config in (CONFIG, changed(iterations=CONFIG.iterations + 2)):
        with pytest.raises(InputError, match=r"state.safetensors .* delete it"):
            small_run(tmp_path / "run", tmp_path / "data", config=config)


def test_the_state_before_the_end_is_not_extended_as_the_end(tmp_path):
    """The newest state is damaged; the one before is of a run that still has steps of its own schedule to go."""
    small_run(tmp_path / "run", tmp_path / "data", stop=4)
    state = tmp_path / "run" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    longer, data = changed(iterations=CONFIG.iterations + 2), small_data(tmp_path / "data")
    run = Run(tmp_path / "run", settings={"training": longer, "data": data.describe()})
    with pytest.raises(InputError, match=r"has done 2 of the 6 iterations .* --iterations 6 before"):
        run.resume(fresh_state(longer, data=data, device=CPU), previous=True)


def test_training_learns_a_scene_by_heart(tmp_path):
    write_scenes(tmp_path / "data", train=2, val=1, size=(64, 64))
    data, validation = (open_data(tmp_path / "data", split=split) for split in ("train", "val"))
    model = replace(CONFIG.model, classes=len(data.labels))
    config = changed(model=model, iterations=50, validate_every=50, learning_rate=0.2, crop=(65, 65), scales=(1.0,))
    run = Run(tmp_path / "run", settings={"training": config})
    state = fresh_state(config, data=data, device=CPU)
    assert not run.resume(state)
    events = train(state, config, data=data, validation=validation, run=run, device=CPU)
    losses = [event.loss for event in events if isinstance(event, TrainingProgress)]
    assert losses[-1] < 0.5 * losses[0]


def test_loss_that_is_not_finite_names_step_and_pictures():
    window = LossWindow()
    window.add(torch.tensor(1.0), names=("a",), waited=0.0)
    window.add(torch.tensor(float("nan")), names=("b", "c"), waited=0.0)
    with pytest.raises(InputError, match="nan at iteration 12, on b, c"):
        window.progress(iteration=12, rate=0.1)


def test_a_batch_without_labels_changes_no_weight_by_its_loss(tmp_path):
    config = changed(weight_decay=0.0, ema_decay=0.0)
    data = small_data(tmp_path)
    state = fresh_state(config, data=data, device=CPU)
    before = {name: value.clone() for name, value in state.model.named_parameters()}
    images = torch.randint(0, 256, (2, 3, 17, 17), dtype=torch.uint8)
    batch = Batch(images, torch.full((2, 17, 17), 11, dtype=torch.uint8), ("a", "b"))
    loss_function = SegmentationLoss(data, device=CPU)
    done = train_step(state, config, batch=batch, rate=rate_at(0, config), loss_function=loss_function, device=CPU)
    assert done.loss.item() == 0.0
    assert all(torch.equal(before[name], value) for name, value in state.model.named_parameters())


@pytest.mark.slow
@pytest.mark.parametrize("polite", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_whole_files_and_resumes(polite, tmp_path):
    small_data(tmp_path / "data")
    command = [
        sys.executable, "-m", "atrous.cli.main", "train", str(tmp_path / "data"), "--recipe", "scenes",
        "--out", str(tmp_path / "run"), "--iterations", "4000", "--validate-every", "5", "--crop", "17", "17",
        "--batch-size", "2", "--device", "cpu",
    ]  # fmt: skip

    def as_from_a_terminal() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs, these tests too, inherit SIG_IGN

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=as_from_a_terminal) as process:
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "run" / "state.safetensors").exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
            process.send_signal(polite)
            _, complaint = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert complaint.splitlines()[-1].startswith("atrous train: interrupted")
    assert not [path for path in (tmp_path / "run").iterdir() if ".part" in path.name]
    load(tmp_path / "run" / "last.safetensors")
    load_file(tmp_path / "run" / "state.safetensors")


def test_bfloat16_trains_too(tmp_path):
    state = small_run(tmp_path / "run", tmp_path / "data", config=changed(precision="bfloat16"))
    assert state.iteration == CONFIG.iterations
    assert all(torch.isfinite(value).all() for value in state.model.parameters())
