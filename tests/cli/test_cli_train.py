"""`atrous train` from the command line to the run folder."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.cli.options import normalized
from atrous.data.annotations.masks import read_numbers_or_colors
from atrous.data.published.camvid import CAMVID
from atrous.plain import from_plain, to_plain
from atrous.training import report, run, stages, train_run
from atrous.training.config import LossConfig, TrainConfig
from atrous.training.recipes import RECIPES
from atrous.training.step_memory import StepMemory
from fakes.camvid import fake_camvid
from fakes.folder import fake_folder
from fakes.lively_model import LABELS, lively_model

pytestmark = pytest.mark.usefixtures("nothing_drawn")

TINY = (
    "--recipe scenes --device cpu --iterations 2 --norm-momentum 0.9 --validate-every 1 --batch-size 2 --crop 17 17 "
    "--depth-multiplier 0.1 --aspp-channels 8"
)


@pytest.fixture
def camvid(tmp_path):
    return fake_camvid(tmp_path / "camvid")


@pytest.fixture
def drawn(nothing_drawn, monkeypatch):  # noqa: ARG001 - it must have run before
    """Pages and pictures are drawn after all."""
    for name in ("write_report", "write_picture"):
        monkeypatch.setattr(run, name, getattr(report, name))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs" / "one"


def train(data, out, *options) -> int:
    return main(["train", str(data), "--out", str(out), *TINY.split(), *map(str, options)])


@pytest.fixture
def complaint(out, capsys):
    """The one line that is told of bad input, of which no file is left."""

    def told(data, *options) -> str:
        capsys.readouterr()
        assert train(data, out, *options) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        lines = [line for line in printed.err.splitlines() if "━" not in line]  # bars, after seconds on a busy machine
        assert len(lines) == 1, printed.err
        assert lines[0].startswith("atrous train: ")
        assert not out.parent.exists()
        return lines[0]

    return told


@pytest.mark.usefixtures("drawn")
def test_a_run_says_where_everything_is_and_the_same_command_again_that_it_is_done(camvid, out, capsys):
    assert train(camvid, out) == 0
    told = capsys.readouterr()
    assert re.search(rf"last  {out}/last\.safetensors\nbest  {out}/best\.safetensors \(mIoU 0\.\d+ on val at", told.out)
    assert "5 images to train on, 2 to validate on, 11 classes; 0 of 2 iterations are done" in told.err
    assert sorted(path.name for path in out.iterdir()) == [
        ".lock",
        "best.safetensors", "config.json", "images.csv", "last.safetensors", "metrics.jsonl", "pictures", "report.html",
        "state.safetensors",
    ]  # fmt: skip
    settings = json.loads((out / "config.json").read_text())
    assert settings["training"]["model"]["classes"] == 11
    assert settings["training"]["batch_size"] == 2
    assert (settings["data"]["images"], settings["validation"]["images"]) == (5, 2)

    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert train(camvid, out) == 0
    again = capsys.readouterr()
    assert again.out == told.out
    assert "2 of 2 iterations are done" in again.err
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_class_weights_of_a_file_are_a_setting_like_any_other(camvid, tmp_path, out, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("weights.json", "other.json"):
        (tmp_path / name).write_text(json.dumps(dict.fromkeys(CAMVID.names, 0.5)))
    assert train(camvid, out, "--class-weights", "weights.json") == 0
    capsys.readouterr()
    written = json.loads((out / "config.json").read_text())["training"]
    config = from_plain(TrainConfig, written, where="training")
    assert config.loss == LossConfig(class_weights="weights.json")
    assert to_plain(config) == written

    assert train(camvid, out, "--class-weights", "weights.json") == 0
    assert "2 of 2 iterations are done" in capsys.readouterr().err
    assert train(camvid, out, "--class-weights", "other.json") == 2
    assert "training loss class_weights: 'weights.json' there, 'other.json' now" in capsys.readouterr().err


def test_another_model_with_a_head_of_its_own(camvid, out, capsys):
    """The options that are left are those of Lite R-ASPP and MobileNetV3."""
    assert train(camvid, out, "--model", "lraspp_mobilenet_v3_small", "--pool-window", "33", "33") == 0
    assert "last  " in capsys.readouterr().out
    config = atrous.load(out / "last.safetensors").model.config
    assert (config.backbone.kind, config.compatibility.pool_window, config.classes) == ("mobilenet_v3", (33, 33), 11)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--recipe camvidd", "unknown recipe 'camvidd'; did you mean 'camvid'?"),
        ("--recipe mine", "unknown recipe 'mine'; known: ade20k, camvid, cityscapes, "),
        ("--model deeplabv3_resnt50", "unknown model 'deeplabv3_resnt50'; did you mean 'deeplabv3_resnet50'?"),
        ("--model deeplabv4", "unknown model 'deeplabv4'; known: deeplabv3_mobilenet_v2, "),
        ("--output-stride 5", "output stride 5 is impossible; choose one of 4, 8, 16, 32"),
        ("--classes 5", "--classes is not for training: the data's schema.toml says which classes there are"),
        ("--num-classes 5", "--num-classes is unknown: the number of classes is that of the data"),
        ("--nc 5", "--nc is unknown: the number of classes is that of the data"),
        ("--pretrained", "--pretrained is unknown: train takes ImageNet weights by --backbone-weights"),
        ("--iterations 0", "iterations, batch size, crop and validate-every must be at least 1"),
        ("--crop 17 0", "iterations, batch size, crop and validate-every must be at least 1"),
        ("--learning-rate nan", "learning rate nan is out of range"),
        ("--learning-rate fast", "fast"),
        ("--norm-momentum 0.0003", "norm momentum 0.0003 leaves 100% of the running statistics at their start"),
        ("--norm-momentum 3", "norm momentum 3.0 is out of range; choose 0 to 1"),
        ("--momentum 1.5", "momentum 1.5 is out of range; choose 0 to 1"),
        ("--head-rate nan", "head rate nan is out of range; choose 0 to 1000"),
        ("--scales 1 nan", "scales (1.0, nan) must be above 0"),
        ("--seed 4294967296", "seed 4294967296 is out of range; choose 0 to 4294967295"),
        ("--precision float8", "float8"),
        ("--precision float16", "float16 needs a CUDA device, this is cpu; choose --precision bfloat16 or float32"),
        ("--accumulate 3", "accumulate 3 does not divide the batch size 2 into equal parts"),
        ("--overfit -1", "-1 images of CamVid are no data; choose at least 1"),
        ("--hard-copies 2", "the data has no bicycle, chair, diningtable, pottedplant, sofa; name its hard classes"),
        ("--hard-copies 2 --hard-classes Bus", "the data has no class 'Bus'; its classes: Sky, Building"),
        ("--class-crops 1 --crop-classes Bus", "the data has no class 'Bus'; its classes: Sky, Building"),
        ("--second-iterations 2", "has no split 'trainval'; choose from train, val"),
        ("--second-iterations 2 --second-split train --second-learning-rate 0", "learning rate 0.0 is out of range"),
        ("--second-iterations 2 --second-split train --second-output-stride 5", "output stride 5 is impossible"),
        (
            "--second-iterations 2 --second-split train --second-copies 2 --hard-classes Bus",
            "the data has no class 'Bus'; its classes: Sky, Building",
        ),
        ("--class-weights nowhere.json", "cannot read nowhere.json: No such file or directory"),
        ("--weights nowhere.safetensors", "no such file: nowhere.safetensors"),
        ("--in-channels 4", "has 3 channels, the model takes 4; train with --in-channels 3"),
        ("--split vla", "has no split 'vla'; choose from train, val"),
        ("--val-split vla", "has no split 'vla'; choose from train, val"),
        ("--schema nowhere.toml", "cannot read schema nowhere.toml: No such file or directory"),
        ("--backbone-weights nowhere.tflite", "nowhere.tflite"),
        ("--colour red", "--colour"),
        ("--recipe", "--recipe"),
    ],
)  # fmt: skip
def test_bad_options_are_one_line(camvid, complaint, options, expected):
    assert expected in complaint(camvid, *options.split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(camvid, complaint):
    assert "device cuda: this machine or this build of torch has none; use cpu" in complaint(camvid, "--device", "cuda")


def test_masks_without_a_schema_are_looked_through_once_for_all_splits(tmp_path, out, monkeypatch):
    read = Counter()

    def counted(path):
        read[path.stem] += 1
        return read_numbers_or_colors(path)

    monkeypatch.setattr("atrous.data.annotations.scan.read_numbers_or_colors", counted)
    street = fake_folder(tmp_path / "street")
    assert train(street, out, "--second-iterations", "1", "--second-split", "train") == 0
    assert read == Counter({path.stem: 1 for path in (street / "masks").iterdir()})


def test_out_has_a_default(camvid, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(camvid), *TINY.split()]) == 0
    assert capsys.readouterr().out.startswith("last  runs/camvid/last.safetensors\n")


def test_data_that_is_not_there(tmp_path, complaint):
    assert f"no data folder {tmp_path / 'gone'}" in complaint(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'} is of no known layout: it holds no files; expected are" in complaint(
        tmp_path / "empty"
    )
    (tmp_path / "empty/images").mkdir()
    (tmp_path / "empty/masks").mkdir()
    assert f"{tmp_path / 'empty/images'} is empty; put the images there" in complaint(tmp_path / "empty")


def test_masks_with_values_that_mean_nothing(tmp_path, camvid, complaint):
    mask = camvid / "trainannot" / "0001TP_006720.png"
    values = np.array(Image.open(mask))
    values[0, :3] = (77, 77, 200)
    Image.fromarray(values).save(mask)
    line = complaint(camvid)
    assert f"{mask} has value 77 (2 pixels), value 200 (1 pixel); masks of this data hold class ids 0..10" in line
    street = fake_folder(tmp_path / "street", values=(0, 128, 255))
    line = complaint(street)
    assert "value 128" in line
    assert f"write {street / 'schema.toml'} with the two lines" in line


def test_pairs_that_do_not_match(tmp_path, complaint):
    street = fake_folder(tmp_path / "street")
    (street / "masks/photo3.png").unlink()
    assert f"no mask for images/photo3.jpg in {street}" in complaint(street)
    (street / "images/photo3.jpg").rename(street / "masks/photo3.jpg")
    assert f"no image for masks/photo3.jpg in {street}" in complaint(street)


@pytest.mark.parametrize("part", ["train", "val", "trainannot", "valannot"])
def test_an_unreadable_file_is_found_before_training(camvid, part, complaint):
    victim = sorted((camvid / part).iterdir())[-1]
    victim.write_bytes(victim.read_bytes()[:60])
    assert str(victim) in complaint(camvid)


def test_a_picture_and_a_mask_of_different_sizes(camvid, complaint):
    mask = camvid / "trainannot" / "0001TP_006720.png"
    Image.fromarray(np.zeros((7, 5), np.uint8)).save(mask)
    assert str(mask) in complaint(camvid)


def test_a_file_in_the_way_of_the_run_folder(camvid, tmp_path, complaint):
    (tmp_path / "file").write_text("keep me")
    line = complaint(camvid, "--out", tmp_path / "file" / "run")
    assert f"cannot write {tmp_path / 'file/run'}: {tmp_path / 'file'} is no folder; choose another --out" in line
    assert (tmp_path / "file").read_text() == "keep me"


def test_a_run_folder_that_no_file_system_can_have(camvid, complaint):
    assert "File name too long" in complaint(camvid, "--out", "x" * 300)


def test_backbone_weights_that_do_not_fit(camvid, tmp_path, complaint):
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"no weights at all")
    assert str(garbage) in complaint(camvid, "--backbone-weights", garbage)
    narrow = tmp_path / "narrow.safetensors"
    atrous.save(narrow, lively_model(), labels=LABELS, provenance={})
    line = complaint(camvid, "--backbone-weights", narrow, "--depth-multiplier", "0.25")
    assert f"{narrow}: its backbone is MobileNetV2Config(depth_multiplier=0.1" in line
    assert "depth_multiplier=0.25" in line


def test_a_run_of_other_settings_is_left_alone(camvid, out, capsys):
    assert train(camvid, out) == 0
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    capsys.readouterr()
    assert train(camvid, out, "--learning-rate", "0.5") == 2
    told = capsys.readouterr()
    assert told.err == (
        f"atrous train: {out} holds another run (training learning_rate: 0.25 there, 0.5 now); "
        "choose another --out or delete it\n"
    )
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.usefixtures("drawn")
def test_validation_without_labels_has_no_best(tmp_path, out, capsys):
    street = fake_folder(tmp_path / "street")
    (street / "val.txt").write_text("photo1\nphoto2\n")
    for name in ("photo1", "photo2"):
        Image.fromarray(np.full((12, 16), 255, np.uint8)).save(street / "masks" / f"{name}.png")
    assert train(street, out) == 0
    told = capsys.readouterr()
    assert told.out == f"last  {out}/last.safetensors\npage  {out}/report.html\n"
    assert "iteration 1: nothing labelled" in told.err
    assert not (out / "best.safetensors").exists()
    assert "nothing labelled" in (out / "report.html").read_text()


def test_too_little_memory_is_one_line(camvid, out, capsys, monkeypatch):
    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB ...")

    monkeypatch.setattr(stages, "train", exhausted)
    assert train(camvid, out) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    # The memory of this machine would do: then others hold it.
    assert line.startswith("atrous train: cpu ran out of memory; a step needs about 0.0 GiB of the ")
    remedy = "raise --accumulate (1), or lower --batch-size (2) or --crop (17 17)"
    assert line.endswith(f" there, and other programs may hold the rest; {remedy}")


def test_memory_that_suffices_for_one_crop_at_a_time_is_said(camvid, out, capsys, monkeypatch):
    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB ...")

    monkeypatch.setattr(stages, "train", exhausted)
    monkeypatch.setattr(train_run, "step_memory", lambda _, **__: StepMemory(2**29, 2**30))
    monkeypatch.setattr(train_run, "device_memory", lambda _: int(1.2 * 2**30))
    assert train(camvid, out) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "a step needs about 1.5 GiB of the 1.2 there; --accumulate 2 fits" in line


def test_a_dry_run_says_what_a_run_costs_and_writes_nothing(camvid, out, capsys):
    assert train(camvid, out, "--dry-run") == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["steps"] == "2 of 2 crops of 17x17, float32; 2 validations"
    assert rows["memory"].startswith("about 0.0")
    assert " s a step, " in rows["time"]
    assert rows["out"].startswith(f"{out}: nothing was written")
    assert not out.exists()


@pytest.mark.usefixtures("drawn")
def test_a_class_and_folders_of_odd_names(tmp_path, capsys):
    street = fake_folder(tmp_path / "[/red]street", values=(0, 1, 255))
    (street / "schema.toml").write_text('classes = ["<script>alert(1)</script>", "$x^{2$ &amp;"]')
    out = tmp_path / "[/bold]run"
    assert train(street, out, "--model", "deeplabv3_mobilenet_v2_aspp") == 0
    assert f"page  {out}/report.html" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert page.lower().count("<script") == 1  # that of the gallery, which the page's policy names by its hash
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&amp;amp;" in page
    archive = atrous.load(str(out / "last.safetensors"))
    assert archive.labels.names[0] == "<script>alert(1)</script>"
    assert archive.model.config.decoder is None


def test_overfitting_trains_and_validates_on_the_same_few(camvid, out, capsys):
    assert train(camvid, out, "--overfit", "1") == 0
    assert "1 images to train on, 1 to validate on" in capsys.readouterr().err
    settings = json.loads((out / "config.json").read_text())
    assert settings["data"] == settings["validation"]
    assert settings["data"]["split_rule"] == "the first 1 of train.txt"


def test_every_departure_from_the_papers_is_told_before_the_first_step_and_not_again(camvid, out, capsys):
    assert train(camvid, out.with_name("scenes")) == 0
    assert "paper" not in capsys.readouterr().err  # not a recipe of the papers
    small = ["--recipe", "ade20k", "--model", "deeplabv3plus_mobilenet_v2", "--jitter", "0.1"]
    assert train(camvid, out, *small) == 0
    told = capsys.readouterr().err
    before, *_ = told.partition("0 of 2 iterations are done")
    assert "  colour jitter: 0.1; paper: none\n" in before
    assert "  start: random weights; paper: ImageNet (needs a far longer run)\n" in before
    assert train(camvid, out, *small) == 0
    assert "paper" not in capsys.readouterr().err


def shown_help(capsys, *options) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["train", *options])
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_help_shows_an_example_and_the_options_that_matter(capsys):
    printed = shown_help(capsys, "--help")
    assert "Example: atrous train street/ --recipe finetune" in printed
    assert f"settings: {', '.join(RECIPES)}." in " ".join(printed.replace("│", "").split())
    assert "--help-all" in printed
    assert "--learning-rate" in printed
    assert not any(option in printed for option in ("--ema-decay", "--depth-multiplier", "--rates"))
    assert len(set(re.findall(r"--[a-z][a-z-]+", printed)) - {"--help", "--help-all"}) <= 14


def test_help_all_shows_every_setting(capsys):
    printed = shown_help(capsys, "--help-all")
    for option in ("--learning-rate", "--ema-decay", "--backbone-weights", "--variant", "--rates", "--folds"):
        assert option in printed


def config(out):
    return json.loads((out / "config.json").read_text())["training"]


def test_other_spellings_are_understood(camvid, out):
    options = "--recipe scenes --iterations 2 --validate-every 1 --depth-multiplier 0.1 --aspp-channels 8"
    others = "--batch 2 --lr=0.5 --crop 17 --scales 0.5,1 --flip 0.25 --device cpu -o"
    assert main(["train", str(camvid), *options.split(), *others.split(), str(out)]) == 0
    found = config(out)
    assert (found["batch_size"], found["learning_rate"], found["crop"], found["scales"], found["flip_probability"]) == (
        2, 0.5, [17, 17], [0.5, 1.0], 0.25,
    )  # fmt: skip


def test_a_short_run_just_runs_and_says_which_norm_momentum_it_takes(camvid, out, caplog):
    options = "--recipe scenes --batch-size 2 --crop 17 17 --depth-multiplier 0.1 --aspp-channels 8 --device cpu"
    assert main(["train", str(camvid), "--out", str(out), "--iterations", "3", *options.split()]) == 0
    assert config(out)["norm_momentum"] == pytest.approx(1 - 0.0198 ** (1 / 3), abs=0.01)
    assert "norm momentum 0.73 in place of 0.1, for a run of 3 steps" in caplog.text


def test_epochs_are_converted_and_the_conversion_is_shown(camvid, out, caplog):
    options = "--recipe scenes --epochs 1.2 --batch-size 2 --crop 17 17 --depth-multiplier 0.1 --aspp-channels 8"
    assert main(["train", str(camvid), "--out", str(out), *options.split(), "--device", "cpu"]) == 0
    assert config(out)["iterations"] == 3  # 1.2 * 5 / 2
    assert "1.2 epochs of 5 images in batches of 2 are 3 iterations" in caplog.text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--learning-rte 1", "--learning-rte is unknown, did you mean --learning-rate?"),
        ("--val_splt val", "--val_splt is unknown, did you mean --val-split?"),
        ("--recipe camvidd", "unknown recipe 'camvidd'; did you mean 'camvid'?"),
        ("--device cdua", "device cdua: there is no such device; did you mean 'cuda'?"),
        ("--epochs 3", "epochs and iterations both say how long to train; give one of them"),
        ("--folds 9", "9 folds of 7 images; choose 2 to 7"),
        ("--val-split none --patience 3", "patience needs validations"),
    ],
)
def test_hints_are_one_line(camvid, complaint, options, expected):
    assert expected in complaint(camvid, *options.split())


def test_without_validation_all_pictures_are_trained_on(camvid, out, capsys):
    assert train(camvid, out, "--val-split", "none") == 0
    printed = capsys.readouterr()
    assert "7 images to train on, 0 to validate on" in printed.err
    assert printed.out == f"last  {out}/last.safetensors\npage  {out}/report.html\n"
    assert atrous.load(out / "last.safetensors").provenance["results"] == []
    assert train(camvid, out, "--val-split", "none") == 0
    assert "2 of 2 iterations are done" in capsys.readouterr().err


def test_folds_report_the_mean_and_validate_every_picture_once(camvid, out, capsys):
    assert train(camvid, out, "--folds", "2") == 0
    line = capsys.readouterr().out.splitlines()[0]
    mean, *scores = map(float, re.findall(r"0\.\d+", line))
    assert mean == pytest.approx(sum(scores) / 2, abs=1e-4)
    assert len(scores) == 2
    counts = [json.loads((out / f"fold{fold}" / "config.json").read_text()) for fold in (1, 2)]
    assert [(one["data"]["images"], one["validation"]["images"]) for one in counts] == [(3, 4), (4, 3)]


def test_a_longer_run_goes_on_and_says_how(camvid, out, capsys):
    assert train(camvid, out) == 0
    assert train(camvid, out, "--iterations", "4") == 0
    assert "the finished run of 2 iterations goes on to 4: the learning rate rises to" in capsys.readouterr().err


def test_a_full_standard_output_is_one_line():
    command = [sys.executable, "-m", "atrous.cli.main", "weights"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "atrous weights: standard output or the disk is full; free some space\n"


def test_data_that_changed_since_the_run_began_is_noticed(camvid, out, capsys):
    assert train(camvid, out) == 0
    mask = camvid / "trainannot" / "0001TP_006720.png"
    values = np.array(Image.open(mask))
    Image.fromarray(np.where(values == values[0, 0], values[-1, -1] * 0 + 5, values).astype(np.uint8)).save(mask)
    capsys.readouterr()
    assert train(camvid, out) == 2
    line = capsys.readouterr().err
    assert f"the data of {out} has changed since the run began (files training contents: " in line
    assert "; restore it, or choose another --out" in line


def test_a_copy_of_the_data_with_other_times_goes_on(camvid, out, tmp_path, capsys):
    assert train(camvid, out) == 0
    settings = json.loads((out / "config.json").read_text())
    copy = tmp_path / "elsewhere" / camvid.name
    shutil.copytree(camvid, copy, copy_function=shutil.copyfile)
    for path in copy.rglob("*.png"):
        os.utime(path, ns=(0, 1_700_000_000_000_000_000))
    assert train(copy, out) == 0
    assert json.loads((out / "config.json").read_text())["files"] != settings["files"]  # the times of the copy

    older = {name: files["times"] for name, files in settings["files"].items()}
    (out / "config.json").write_text(json.dumps({**settings, "files": older}))
    capsys.readouterr()
    assert train(copy, out) == 2
    line = capsys.readouterr().err
    assert "has changed since the run began (files training times: " in line
    assert "; restore it with the times of its files, or choose another --out" in line
    assert train(camvid, out) == 0  # the times are the same, and the contents are written down
    assert train(copy, out) == 0


def test_a_line_states_how_options_of_other_programs_are_read(capsys):
    words = normalized(["--imgsz", "65", "--lr=0.1", "--batch", "2", "-o", "run"])
    assert words == ["--crop", "65", "65", "--learning-rate", "0.1", "--batch-size", "2", "--out", "run"]
    notes = capsys.readouterr().err.splitlines()
    assert notes == [
        "note: --imgsz is read as --crop",
        "note: --lr is read as --learning-rate",
        "note: --batch is read as --batch-size",
    ]
    assert normalized(words) == words
    assert capsys.readouterr().err == ""
