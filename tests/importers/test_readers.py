"""One table of readers: what is imported, how often a file is opened, and files that are refused by name."""

import builtins
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.importers.file_head import read_head
from atrous.importers.pytorch.state_dict import open_file
from atrous.importers.readers import read_foreign
from atrous.model.config import ASPPConfig, MobileNetV2Config, ModelConfig

TINY = ModelConfig(MobileNetV2Config(depth_multiplier=0.125), head=ASPPConfig(rates=(), aspp_channels=8), classes=2)

CONVERT = "checkpoint that it was made from"
REFUSED = {
    "pointer.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS.*git lfs pull"),
    "page.pth": (b"<!DOCTYPE html><html></html>", "web page.*download the file itself"),
    "marked_page.pth": (b"\xef\xbb\xbf<!DOCTYPE html><html></html>", "web page.*download the file itself"),
    "missed.bin": (b"Entry not found\n", r"text, not weights \('Entry not found'\); download the file itself"),
    "cut_letter.pth": ("ü".encode() * 2048 + b"\n", "text, not weights"),
    "shifted.pth": (b"#" + "ü".encode() * 2048, "text, not weights"),
    "latin.pth": ("Datei nicht verfügbar".encode("latin-1"), "known here"),
    "config.py": (b"_base_ = ['deeplabv3plus.py']\nmodel = dict()\n", "text.*give the weights that it belongs to"),
    "saved_model.pb": (b"\x08\x01\x12\xb6\x93\x05\n" + bytes(30), "SavedModel of TensorFlow.*frozen graph"),
    "model.ckpt-3.meta": (b"\n\xf1\x01" + bytes(30), r"graph of a TensorFlow checkpoint.*\.index file"),
    "model.ckpt-3.data-00000-of-00001": (bytes(30), r"without its \.index; put that file beside it"),
    "model.engine": (b"ftrt" + bytes(80), f"TensorRT.*{CONVERT}"),
    "model.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x051.9.0:\x08" + bytes(8), f"an ONNX model.*{CONVERT}"),
    "graph_first.onnx": (b"\x08\x0a:\x08" + bytes(8), f"an ONNX model.*{CONVERT}"),
    "by_a_writer_of_long_name.onnx": (b"\x08\x0a\x12\x80\x01" + b"R" * 128, f"ONNX model.*{CONVERT}"),
    "cut.onnx": (b"\x08", f"damaged ONNX model.*{CONVERT}"),
    "model.xml": (b'<?xml version="1.0"?>\n<net name="x" version="11"><layers/></net>', f"OpenVINO.*{CONVERT}"),
    "model.param": (b"7767517\n75 83\nInput data 0 1 data\n", f"ncnn.*{CONVERT}"),
    "model.json": (json.dumps({"format": "graph-model", "modelTopology": {}}).encode(), f"TensorFlow.js.*{CONVERT}"),
    "deploy.prototxt": (b'name: "net"\nlayer { name: "conv1" }\n', f"Caffe.*{CONVERT}"),
    "model.pdiparams": (bytes(100), "Paddle.*pdparams"),
    "model.bin": (bytes(100), f"OpenVINO, ncnn and TensorFlow.js.*{CONVERT}"),
    "model.pth.xz": (b"\xfd7zXZ\x00" + bytes(20), "xz -dk"),
    "model.pth.gz": (b"\x1f\x8b\x08" + bytes(20), "gzip -dk"),
    "empty.pth": (b"", "empty file"),
    "photo.jpg": (b"\xff\xd8\xff\xe0" + bytes(20), "JPEG picture"),
    "flax_model.msgpack": (b"\x82\xa8backbone" + bytes(20), f"Flax.*{CONVERT}"),
    "model.tar": (bytes(257) + b"ustar\x0000" + bytes(20), "tar archive.*tar -xf"),
    "noise.dat": (bytes(range(9, 100)), "known here.*docs/weights.md"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_cannot_be_read_are_named_with_the_way_round(tmp_path, name):
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: .*{message}") as caught:
        atrous.load(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "verb", [("predict", "{}", "{}.png", "--out", "{}.out"), ("info", "{}"), ("convert", "{}", "{}.o")]
)
def test_every_verb_gives_the_same_line(tmp_path, capsys, verb):
    path = tmp_path / "pointer.pth"
    path.write_bytes(REFUSED["pointer.pth"][0])
    Image.new("RGB", (8, 8)).save(tmp_path / "pointer.pth.png")
    assert main([word.format(path) for word in verb]) == 2
    assert (
        "a Git LFS pointer, not the file that it stands for; git lfs pull fetches the file" in capsys.readouterr().err
    )


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(InputError, match=r"pipe\.pth is neither a file nor a folder"):
        atrous.load(tmp_path / "pipe.pth")


@pytest.mark.parametrize(("file", "complaint"), [
    ("model.json", "TensorFlow.js"), ("saved_model.pb", "SavedModel"), (".metadata", "dcp_to_torch"),
    ("latest", "DeepSpeed"), ("mp_rank_00_model_states.pt", "DeepSpeed"), ("fsdp_0/.metadata", "dcp_to_torch"),
    ("a.xml", "OpenVINO"), ("a.param", "ncnn"),
])  # fmt: skip
def test_folders_that_cannot_be_read_are_named(tmp_path, file, complaint):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(b"x")
    with pytest.raises(InputError, match=complaint):
        read_foreign(read_head(tmp_path))


@pytest.mark.parametrize("name", ["a.engine", "a.plan"])
def test_compiled_networks_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x01\x02\x03" * 20)
    with pytest.raises(InputError, match="TensorRT"):
        read_foreign(read_head(tmp_path / name))


def test_files_of_a_folder_under_names_of_their_own_are_listed(tmp_path):
    for number in range(5):
        (tmp_path / f"epoch_{number}.pth").write_bytes(b"x")
    (tmp_path / "log.txt").write_bytes(b"x")
    with pytest.raises(InputError, match=r"with epoch_0\.pth, epoch_1\.pth, epoch_2\.pth and 2 more; give one of its"):
        read_foreign(read_head(tmp_path))


def test_a_link_in_a_circle_is_named(tmp_path):
    (tmp_path / "loop.pth").symlink_to("loop.pth")
    with pytest.raises(InputError, match=r"loop\.pth is a link that leads nowhere, or in a circle"):
        atrous.load(tmp_path / "loop.pth")


def test_an_unpacked_checkpoint_says_how_it_is_packed(tmp_path):
    model = atrous.build(TINY)
    torch.save(model.state_dict(), tmp_path / "a.pth")
    shutil.unpack_archive(tmp_path / "a.pth", tmp_path / "unpacked", format="zip")
    for folder in (tmp_path / "unpacked", tmp_path / "unpacked/a"):
        with pytest.raises(InputError, match=r"PyTorch that was unpacked; .*zip -0 -r FILE\.pth FOLDER"):
            atrous.load(folder)
    message = r"no storage 0 of a tensor; give the whole file that torch\.save wrote"
    with open_file(tmp_path / "unpacked/a/data.pkl") as contents, pytest.raises(InputError, match=message):
        contents.load(contents.groups[0])
    with zipfile.ZipFile(tmp_path / "again.pth", "w", zipfile.ZIP_STORED) as archive:  # as zip -0 -r does
        for path in [tmp_path / "unpacked/a", *sorted((tmp_path / "unpacked/a").rglob("*"))]:
            archive.write(path, path.relative_to(tmp_path / "unpacked"))
    with open_file(tmp_path / "again.pth") as contents:
        (group,) = contents.groups
        read = contents.load(group)
    assert all(torch.equal(tensor, read[name]) for name, tensor in model.state_dict().items())


def test_a_packed_checkpoint_of_pytorch_is_to_be_unpacked(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pth")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.pth", "weights/a.pth")
    with pytest.raises(InputError, match=r"found none; unpack the archive \(tar -xf FILE\)"):
        atrous.load(tmp_path / "a.tar.gz")


def test_an_empty_folder_says_what_it_lacks(tmp_path):
    with pytest.raises(InputError, match=r"a folder without .*model\.safetensors"):
        read_foreign(read_head(tmp_path))


@pytest.fixture
def own(tmp_path):
    atrous.save(tmp_path / "own.safetensors", atrous.build(TINY))
    return tmp_path / "own.safetensors"


def test_an_archive_is_loaded_without_importing_a_reader_of_foreign_files(own):
    code = f"import sys, atrous; atrous.load({str(own)!r}); print(*sorted(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(atrous.__file__).parents[1])}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    modules = shown.stdout.split()
    assert "atrous.weights.archive" in modules
    readers = [f"atrous.importers.{name}.read" for name in ("coreml", "tflite", "tensorflow", "projects")]
    heavy = ("tflite", "flatbuffers", "atrous.importers.pytorch.checkpoint", *readers)
    assert [name for name in modules if name.startswith(heavy)] == []


@pytest.mark.parametrize("kind", ["own", "torch"])
def test_the_beginning_of_a_file_is_read_once_or_twice(tmp_path, own, monkeypatch, kind):
    path = own
    if kind == "torch":
        path = tmp_path / "a.pth"
        torch.save({"state_dict": {"a": torch.ones(3)}}, path)
    opened = []
    plain = io.open
    monkeypatch.setattr(io, "open", lambda file, *args, **kw: opened.append(str(file)) or plain(file, *args, **kw))
    monkeypatch.setattr(builtins, "open", io.open)
    try:
        atrous.load(path)
    except InputError:
        assert kind == "torch"
    assert 1 <= opened.count(str(path)) <= 4
