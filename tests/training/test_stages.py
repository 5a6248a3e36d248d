"""Two stages as one command: what passes from one to the other, and where each leaves its files."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import atrous
from atrous.cli.main import main
from atrous.model.norm import norms
from atrous.training import loop, run
from fakes.camvid import fake_camvid
from fakes.published import fake_sbd, fake_voc
from fakes.run import write_nothing

pytestmark = pytest.mark.usefixtures("nothing_drawn")

SETTINGS = (
    "--recipe scenes --device cpu --iterations 4 --norm-momentum 0.9 --validate-every 2 --batch-size 2 --crop 17 17 "
    "--depth-multiplier 0.1 --aspp-channels 8 --second-iterations 4 --second-split train --second-learning-rate 0.01"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return fake_camvid(tmp_path_factory.mktemp("camvid"))


def train(data, out, *options) -> int:
    return main(["train", str(data), "--out", str(out), *SETTINGS.split(), *map(str, options)])


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write_report", "write_picture"):
            patch.setattr(run, name, write_nothing)
        assert train(data, out) == 0
    return out


@pytest.mark.slow
def test_each_stage_leaves_a_whole_run_folder_and_the_second_goes_on_from_the_first(whole):
    first, second = (json.loads((folder / "config.json").read_text()) for folder in (whole / "stage1", whole))
    changed = {name for name, value in second["training"].items() if value != first["training"][name]}
    assert changed == {"model", "learning_rate", "warmup", "norms"}
    assert (second["training"]["norms"], second["training"]["learning_rate"]) == ("frozen", 0.01)
    assert [config["training"]["model"]["output_stride"] for config in (first, second)] == [16, 8]
    for folder in (whole / "stage1", whole):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert [line["iteration"] for line in lines if "miou" in line] == [2, 4]
        assert {"last.safetensors", "state.safetensors", "report.html"} <= {path.name for path in folder.iterdir()}

    before, after = (atrous.load(str(folder / "last.safetensors")) for folder in (whole / "stage1", whole))
    assert after.provenance["started_from"] == before.sha256
    assert after.model.output_stride == 8
    moved = 0
    for ours, theirs in zip(norms(after.model), norms(before.model), strict=True):
        assert torch.equal(ours.running_mean, theirs.running_mean)
        assert torch.equal(ours.running_var, theirs.running_var)
        assert theirs.running_mean.any()
        moved += not torch.equal(ours.weight, theirs.weight)
    assert moved == len(norms(after.model))


@pytest.mark.slow
@pytest.mark.parametrize("fatal", [1, 2, 3, 5, 6, 7])
def test_an_interrupt_on_either_side_of_the_boundary_ends_in_the_same_bits(fatal, data, whole, tmp_path, monkeypatch):
    calls = 0

    def interrupted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise KeyboardInterrupt
        return step(*arguments, **options)

    step = loop.train_step
    monkeypatch.setattr(loop, "train_step", interrupted)
    assert train(data, tmp_path / "run") == 130
    assert train(data, tmp_path / "run") == 0
    for file in ("state.safetensors", "last.safetensors", "stage1/state.safetensors"):
        ours, theirs = (load_file(folder / file) for folder in (tmp_path / "run", whole))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.slow
def test_a_finished_run_says_so_and_changes_nothing(data, whole, capsys):
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    assert train(data, whole) == 0
    assert capsys.readouterr().err.count("4 of 4 iterations are done") == 2
    assert {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_another_first_stage_is_refused_before_anything_starts(data, whole, capsys):
    assert train(data, whole, "--learning-rate", "0.5") == 2
    assert (
        f"{whole / 'stage1'} holds another run (training learning_rate: 0.25 there, 0.5 now)" in capsys.readouterr().err
    )
    assert train(data, whole, "--second-learning-rate", "0.5") == 2
    assert f"{whole} holds another run (training learning_rate: 0.01 there, 0.5 now)" in capsys.readouterr().err


@pytest.mark.slow
def test_a_network_goes_on_from_an_archive_of_its_own_kind_only(data, whole, tmp_path, capsys):
    weights = tmp_path / "weights.safetensors"
    shutil.copy(whole / "stage1" / "last.safetensors", weights)
    single = ("--second-iterations", "0")
    # At a rate of next to nothing and frozen statistics, what comes out is what went in.
    still = ("--learning-rate", "1e-30", "--norms", "frozen", "--ema-decay", "0")
    assert train(data, tmp_path / "run", "--weights", weights, *single, *still) == 0
    ours, theirs = (atrous.load(str(path)) for path in (tmp_path / "run" / "last.safetensors", weights))
    assert ours.provenance["started_from"] == theirs.sha256
    for value, other in zip(ours.model.state_dict().values(), theirs.model.state_dict().values(), strict=True):
        assert torch.equal(value, other)

    capsys.readouterr()
    assert train(data, tmp_path / "other", "--weights", weights, *single, "--low-level-channels", "7") == 2
    told = capsys.readouterr().err
    assert f"{weights} holds another network than this run's (decoder DecoderConfig(low_level_channels=48" in told
    assert "take its backbone alone by --backbone-weights" in told
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_the_recipe_voc_in_its_two_stages(tmp_path, capsys):
    fake_voc(tmp_path / "voc")
    fake_sbd(tmp_path / "voc")
    small = (
        "--model deeplabv3_mobilenet_v2 --depth-multiplier 0.1 --aspp-channels 8 --iterations 2 --second-iterations 2 "
        "--norm-momentum 0.9 --validate-every 2 --batch-size 2 --crop 17 17 --workers 0 --device cpu"
    )
    out = tmp_path / "run"
    assert main(["train", str(tmp_path / "voc"), "--recipe", "voc", "--out", str(out), *small.split()]) == 0
    told = capsys.readouterr().err
    assert "start: random weights; paper: ImageNet" in told
    assert "without SBD" not in told
    first, second = (json.loads((folder / "config.json").read_text()) for folder in (out / "stage1", out))
    assert (first["data"]["split"], second["data"]["split"]) == ("trainaug", "trainval")
    assert [part["training"]["sampling"]["hard_copies"] for part in (first, second)] == [1, 2]
    assert [part["training"]["learning_rate"] for part in (first, second)] == [0.007, 0.001]
