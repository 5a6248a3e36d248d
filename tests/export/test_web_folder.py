"""Folders for web servers: their files, the runtime's sha256, and folders that stay as they were."""

import hashlib
import json
import tarfile
from dataclasses import replace

import pytest

from atrous.cli import export as verb
from atrous.errors import InputError
from atrous.export import web_runtime
from atrous.export.export import ProofError
from atrous.export.web_folder import export_web
from atrous.export.web_runtime import runtime_files
from atrous.report.overlay_colors import bright_space
from fakes.lively_model import lively_archive, lively_model


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A small unpacked package in the place of ONNX Runtime Web."""
    folder = tmp_path / "unpacked"
    (folder / "package" / "dist").mkdir(parents=True)
    digests = {}
    for name in web_runtime.RUNTIME_FILES:
        content = name.encode()
        (folder / "package" / "dist" / name).write_bytes(content)
        digests[name] = digest(content)
    monkeypatch.setattr(web_runtime, "RUNTIME_FILES", digests)
    return folder


def test_the_folder_holds_model_page_and_runtime(recorded, runtime, tmp_path):
    out = tmp_path / "page"
    assert export_web(recorded.weights, out, name="street", runtime=runtime).passed
    about = json.loads((out / "model.json").read_text())
    model = (out / "model.onnx").read_bytes()
    assert about["file"] == {"path": "model.onnx", "size": len(model), "sha256": digest(model)}
    assert json.loads((out / "model.onnx.proof.json").read_text())["sha256"] == digest(model)
    labels = recorded.weights.labels
    assert [one["name"] for one in about["classes"]] == [*labels.names]
    assert [tuple(one["color"]) for one in about["classes"]] == [*labels.palette]
    assert [tuple(one["overlay_color"]) for one in about["classes"]] == [*bright_space(labels).palette]
    assert (about["name"], about["weights_sha256"]) == ("street", recorded.weights.sha256)
    assert {name: digest((out / name).read_bytes()) for name in web_runtime.RUNTIME_FILES} == web_runtime.RUNTIME_FILES
    named = [line.split('"')[1] for line in (out / "index.html").read_text().splitlines() if 'href="stage.css' in line]
    assert {*named, "page.js", "worker.js", "viewer.js", "README.md"} <= {path.name for path in out.iterdir()} | {
        *named
    }
    # Again: the older files are replaced, and nothing else is in the folder.
    before = {path.name for path in out.iterdir()}
    export_web(recorded.weights, out, name="other", runtime=runtime)
    assert json.loads((out / "model.json").read_text())["name"] == "other"
    assert {path.name for path in out.iterdir()} == before


def test_below_the_gate_there_is_no_folder(recorded, runtime, tmp_path):
    with pytest.raises(ProofError, match=r"page is not written: .* the gate is"):
        export_web(recorded.weights, tmp_path / "page", name="m", runtime=runtime, gate=1.01)
    assert not (tmp_path / "page").exists()


def test_folders_with_other_files_and_other_channels_are_refused(recorded, runtime, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(InputError, match=r"photos holds other files, such as a\.jpg; give a new folder"):
        export_web(recorded.weights, tmp_path / "photos", name="m", runtime=runtime)
    with pytest.raises(InputError, match=r"a\.jpg cannot be read: Not a directory"):
        export_web(recorded.weights, tmp_path / "photos" / "a.jpg", name="m", runtime=runtime)
    four = replace(lively_archive(), model=lively_model(in_channels=4))
    with pytest.raises(InputError, match="three channels, and these weights take 4"):
        export_web(four, tmp_path / "page", name="m", runtime=runtime)


def test_a_runtime_of_another_version_is_one_line(runtime, tmp_path):
    (runtime / "package" / "dist" / "ort.wasm.min.mjs").write_bytes(b"other")
    with pytest.raises(InputError, match=r"ort\.wasm\.min\.mjs is not that of onnxruntime-web 1\.30\.0: its sha256"):
        runtime_files(runtime)
    (runtime / "package" / "dist" / "ort-wasm-simd-threaded.mjs").unlink()
    with pytest.raises(InputError, match="holds no onnxruntime-web; run npm pack"):
        runtime_files(tmp_path)


def fake_npm(folder, script):
    folder.mkdir(exist_ok=True)
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def test_npm_fetches_the_package_once(runtime, tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "cache"))
    tarball = tmp_path / "package.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(runtime / "package", "package")
    fake_npm(tmp_path / "bin", f"/bin/cp {tarball} onnxruntime-web-{web_runtime.VERSION}.tgz")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InputError, match=r"npm gave another file than onnxruntime-web 1\.30\.0"):
        runtime_files()
    monkeypatch.setattr(web_runtime, "TARBALL_SHA256", digest(tarball.read_bytes()))
    found = runtime_files()
    assert found == {name: name.encode() for name in web_runtime.RUNTIME_FILES}
    fake_npm(tmp_path / "bin", "exit 1")
    assert runtime_files() == found
    (tmp_path / "cache" / "onnxruntime-web-1.30.0" / "ort.webgpu.min.mjs").write_bytes(b"damaged")
    fake_npm(tmp_path / "bin", "echo 'npm error code ENOTFOUND' >&2; exit 1")
    with pytest.raises(
        InputError, match=r"\(npm error code ENOTFOUND\); run npm pack onnxruntime-web@1\.30\.0"
    ) as error:
        runtime_files()
    assert "\n" not in str(error.value)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no npm to fetch it"):
        runtime_files()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "m.onnx", "--format", "torch"], "give one that ends in .pt2"),
        (["--out", "m", "--format", "onnx"], "no format has the suffix ''"),
        (["--out", "m.onnx", "--runtime", "."], "--runtime is for --format web"),
        (["--out", "m", "--format", "web", "--output", "logits"], "leave --output and --layout out"),
        (["--out", "m", "--format", "web", "--precision", "float16"], "leave --precision float16 out"),
        (["--out", "m", "--format", "web", "--triton", "t"], "--triton takes ONNX files"),
    ],
)
def test_options_that_do_not_fit_the_format_are_one_line(options, said):
    with pytest.raises(InputError) as error:
        verb.main(["weights.safetensors", *options])
    assert said in str(error.value)
    assert "\n" not in str(error.value)
