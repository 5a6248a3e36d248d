"""Pictures are predicted as they arrive: once they are complete, once each, and again when they change."""

import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.cli import watch as watch_module
from atrous.cli.main import main
from atrous.cli.watch import WatchedFolder
from atrous.errors import InputError
from fakes.lively_model import LABELS, blocks, lively_model


def put(path, *, seed):
    Image.fromarray(blocks(34, 50, seed=seed)[0].permute(1, 2, 0).numpy()).save(path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def names(folder):
    return [files.source.name for files in folder.complete()]


def finish(out, *stems, later=10.0):
    """Outputs as a prediction writes them, some seconds from now."""
    out.mkdir(exist_ok=True)
    for stem in stems:
        for output in (out / f"{stem}.png", out / f"{stem}_overlay.jpg"):
            output.touch()
            os.utime(output, (time.time() + later,) * 2)


def test_a_picture_is_complete_when_it_has_not_changed_between_two_looks(folder, tmp_path):
    watched = WatchedFolder(folder, out=tmp_path / "out", overlays=True)
    assert names(watched) == []
    put(folder / "b.png", seed=0)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "more.png").mkdir()
    assert names(watched) == []
    with (folder / "b.png").open("ab") as file:
        file.write(b"more")
    assert names(watched) == []
    put(folder / "a.png", seed=1)
    assert names(watched) == ["b.png"]
    assert names(watched) == ["a.png"]
    assert names(watched) == []


def test_outputs_that_are_newer_make_a_picture_done_and_a_change_undoes_it(folder, tmp_path):
    put(folder / "a.png", seed=0)
    put(folder / "b.png", seed=1)
    finish(tmp_path / "out", "a")
    finish(tmp_path / "out", "b", later=-1000)
    watched = WatchedFolder(folder, out=tmp_path / "out", overlays=True)
    assert names(watched) == []
    assert names(watched) == ["b.png"]
    finish(tmp_path / "out", "b")
    os.utime(folder / "a.png", (time.time() + 20,) * 2)
    assert names(watched) == []
    assert names(watched) == ["a.png"]


def test_two_pictures_of_one_name_keep_their_suffixes(folder, tmp_path):
    put(folder / "a.png", seed=0)
    put(folder / "a.bmp", seed=1)
    watched = WatchedFolder(folder, out=tmp_path / "out", overlays=False)
    watched.complete()
    assert [files.labels.name for files in watched.complete()] == ["a.bmp.png", "a.png.png"]


def test_folders_that_cannot_be_watched_are_named(folder, tmp_path):
    with pytest.raises(InputError, match="is none; create it"):
        WatchedFolder(tmp_path / "missing", out=tmp_path, overlays=True)
    with pytest.raises(InputError, match="choose another one"):
        WatchedFolder(folder, out=folder, overlays=True)
    watched = WatchedFolder(folder, out=tmp_path / "out", overlays=True)
    shutil.rmtree(folder)
    assert names(watched) == []


def test_the_command_predicts_until_an_interrupt(folder, tmp_path, capsys, monkeypatch):
    atrous.save(tmp_path / "lively.safetensors", lively_model(), labels=LABELS, provenance={})
    put(folder / "first.png", seed=0)
    looks = iter(range(6))

    def sleep(_):
        match next(looks):
            case 1:
                put(folder / "second.png", seed=1)
                (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
            case 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(watch_module.time, "sleep", sleep)
    out = tmp_path / "out"
    command = ["predict", str(tmp_path / "lively.safetensors"), "--watch", str(folder), "--out", str(out)]
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1:] == [f"written  {out / name}" for name in ("first.png", "second.png")]
    assert told.err.count("damaged.png") == 1
    predictor = atrous.Predictor(lively_model())
    for name in ("first.png", "second.png"):
        assert np.array_equal(np.array(Image.open(out / name)), predictor(folder / name).labels)


@pytest.mark.parametrize(
    ("more", "message"), [(["--as", "coco"], "leave out --as"), (["x"], "one folder"), (["--only", "l"], "--only")]
)
def test_options_that_do_not_go_with_it_are_one_line(more, message, folder, tmp_path, capsys):
    assert main(["predict", "none", str(folder), *more, "--watch", "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
