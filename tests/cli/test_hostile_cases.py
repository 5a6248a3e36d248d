"""Files that once crashed, hung or ended the work on a whole folder: each is a line of its own, from the command line.

The files are those of `cases/robustness`, a line of its `repro.sh` each; those that need no file are elsewhere: a name
without room for its outputs (`inference/test_predict_files.py`), a full standard output (`cli/test_cli_train.py`),
autocast (`inference/test_torch_settings.py`), `.lock` a folder (`training/test_checkpoint.py`), the two faults of
`survivors.diff` (`ops/loss/test_upsample_cross_entropy.py`, `training/test_checkpoint.py`).
"""

import os
import resource
import shutil
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.data.formats.windows import open_pixels
from atrous.errors import InputError
from atrous.files import cache_folder
from fakes.lively_model import LABELS, lively_model

pytestmark = pytest.mark.shared
TRAINING = ("--recipe", "scenes", "--iterations", "3", "--norm-momentum", "0.9")


@pytest.fixture
def cases(shared):
    return shared / "cases/robustness"


def one_line(text):
    (line,) = text.splitlines()
    return line


def test_a_wide_picture_does_not_end_its_folder(cases, tmp_path, capsys):
    atrous.save(tmp_path / "lively.safetensors", lively_model(), labels=LABELS, provenance={})
    shutil.copy(cases / "wide_70000x8.png", tmp_path / "b.png")
    for name in "ac":
        shutil.copy(cases / "coco_size_lie/images/a0.png", tmp_path / f"{name}.png")
    inputs = [str(tmp_path / f"{name}.png") for name in "abc"]
    assert main(["predict", str(tmp_path / "lively.safetensors"), *inputs, "--out", str(tmp_path / "out")]) == 1
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"a.png", "a_overlay.jpg", "b.png", "c.png", "c_overlay.jpg"}
    printed = "".join(capsys.readouterr())
    assert "b.png: no overlay, since a JPEG has at most 65500 pixels per side; use --no-overlay" in printed


def test_a_matrix_that_ended_the_process_is_one_line(cases, tmp_path, capsys):
    arguments = ["train", str(cases / "segfault_dataset"), *TRAINING, "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    line = one_line(capsys.readouterr().err)
    assert line.startswith(
        f"atrous train: cannot read {cases / 'segfault_dataset/masks/a0.mat'}: an element of the unk"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_pipe_among_pictures_or_masks_is_named_without_waiting(kind, tmp_path, capsys):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            if (folder, number) == (kind, 1):
                os.mkfifo(tmp_path / folder / "s1.png")
            else:
                Image.fromarray(np.full((8, 8), number % 2, np.uint8)).save(tmp_path / folder / f"s{number}.png")
    assert main(["doctor", str(tmp_path)]) == 1
    assert f"{kind}/s1.png is a pipe, socket or device, not a file; remove it" in capsys.readouterr().out
    assert main(["train", str(tmp_path), *TRAINING, "--out", str(tmp_path / "run")]) == 2
    assert f"{kind}/s1.png is a pipe, socket or device" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "stated"), [("coco_size_lie", "is 16000 x 16000 but"), ("mask_bomb", "is 16384 x 16384 but")]
)
def test_a_size_that_is_not_the_pictures_costs_nothing(cases, name, stated, capsys):
    tracemalloc.start()
    try:
        assert main(["doctor", str(cases / name)]) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stated in capsys.readouterr().out
    assert peak < 2**26  # one such mask of bytes is 2**28


def test_a_picture_of_one_bit_per_pixel_keeps_a_byte_for_each(cases):
    """In colours it would be 800 MB, and four of them more than most machines have."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixels = open_pixels(cases / "bomb_1bit_16384.png")
    assert pixels.size == (16384, 16384)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * 2**28 / 1024
    with pytest.raises(InputError, match="16384 x 16384"):
        open_pixels(cases / "bomb_1bit_16384.png", max_pixels=2**26)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    """As under a number that no list of users has: Python then finds no home folder."""
    for name in ("ATROUS_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: (_ for _ in ()).throw(KeyError(number)))
    with pytest.raises(InputError, match="this user has no home folder; set ATROUS_HOME"):
        cache_folder()
