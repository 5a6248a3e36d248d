"""The container's files, as far as they can be followed without a daemon."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_service import picture, served

from atrous.cli.inference import Inference
from atrous.cli.options import option_names
from atrous.cli.serve import Options, load_served, model_name, read_token
from atrous.errors import InputError
from atrous.weights.archive import save

ROOT = Path(__file__).resolve().parents[2]
STEPS = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()


def steps(word):
    return [step.removeprefix(f"{word} ") for step in STEPS if step.startswith(f"{word} ")]


def test_what_is_copied_exists_and_is_not_ignored():
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    for step in steps("COPY"):
        if not step.startswith("--from"):
            for source in step.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in kept, source


def test_extras_and_options_are_known():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = re.findall(r"'\.\[(.+?)\]'", (ROOT / "Dockerfile").read_text())
    assert {*named.split(",")} <= {*extras}
    assert "serve" in named
    (entry,) = steps("ENTRYPOINT")
    assert {*re.findall(r"--[a-z-]+", " ".join(json.loads(entry)))} <= {*option_names(Options)}


def test_the_start_hands_its_arguments_on(tmp_path):
    shell, flag, script, *rest = json.loads(steps("ENTRYPOINT")[0])
    for name in ("cp", "atrous"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (tmp_path / name).chmod(0o755)
    command = [shell, flag, script, *rest, "/weights/a b.safetensors", "--queue", "8"]
    done = subprocess.run(
        command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-3:] == ["/weights/a b.safetensors", "--queue", "8"]
    assert lines[3] == "serve"


def test_it_runs_without_rights_on_a_read_only_system():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["atrous"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == steps("USER")[0] != "0:0"
    (cache,) = re.findall(r"NUMBA_CACHE_DIR=(\S+)", (ROOT / "Dockerfile").read_text())
    assert any(cache.startswith(mount.partition(":")[0]) for mount in service["tmpfs"])
    assert service["ports"] == ["127.0.0.1:8000:8000"]


def test_the_health_check_asks_the_service(service, monkeypatch):
    from atrous.serving.app import build_app

    command = json.loads(re.search(r"CMD (\[.*\])", steps("HEALTHCHECK")[0])[1])
    with served(build_app(service)) as address:
        check = [sys.executable, *(part.replace("http://127.0.0.1:8000", address) for part in command[1:])]
        assert subprocess.run(check, capture_output=True, check=False).returncode == 0
        monkeypatch.setattr(service, "draining", True)
        assert subprocess.run(check, capture_output=True, check=False).returncode == 1


def test_tokens_come_from_a_file_or_the_environment_and_are_long(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("0123456789abcdef\n")
    assert read_token(file) == "0123456789abcdef"
    monkeypatch.setenv("ATROUS_TOKEN", "")  # as compose.yaml sets it where there is none
    assert read_token(None) is None
    monkeypatch.setenv("ATROUS_TOKEN", "fedcba9876543210")
    assert read_token(None) == "fedcba9876543210"
    assert read_token(file) == "0123456789abcdef"
    for text in ("", "short", "0123456789 abcdef0"):
        file.write_text(text)
        with pytest.raises(InputError, match="16 characters"):
            read_token(file)
    with pytest.raises(InputError, match="cannot read the token"):
        read_token(tmp_path / "missing")


@pytest.mark.parametrize(
    ("source", "name", "weights"),
    [
        ("street=runs/a", "street", "runs/a"), ("runs/street/best.safetensors", "street", None),
        ("runs/street", "street", None), ("models/a b.tflite", "a-b", None),
        ("mobilenetv2-voc", "mobilenetv2-voc", None),
        ("hf://user/name", "name", None), ("x=hf://user/name", "x", "hf://user/name"),
    ],
)  # fmt: skip
def test_models_are_named_by_the_user_or_by_their_file(source, name, weights):
    assert model_name(source) == (name, weights or source)


def test_a_model_is_served_in_two_number_types(archives, tmp_path):
    path = tmp_path / "tiny.safetensors"
    save(path, archives[0].model, labels=archives[0].labels)
    given = [str(path), f"{path}@bfloat16", f"half={path}@bfloat16"]
    found = [load_served(source, Inference(device="cpu")) for source in given]
    assert [name for name, _, _ in found] == ["tiny", "tiny@bfloat16", "half"]
    assert [predictor.precision for _, _, predictor in found] == ["float32", "bfloat16", "bfloat16"]
    full, half, _ = (predictor(picture(), probabilities=True).probabilities for _, _, predictor in found)
    assert 0 < np.abs(full - half).mean() < 0.05
