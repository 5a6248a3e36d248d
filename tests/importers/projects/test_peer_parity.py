"""Other projects' DeepLabs against ours for equal weights; theirs are stored by `scripts/peer_references.py`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from atrous.importers.projects.read import from_state_dict
from atrous.importers.pytorch.state_dict import StateDict
from atrous.model.build import build
from atrous.model.preprocess import Preprocess
from reference.weights import drawn, mixed

FOLDER = Path(__file__).parents[2] / "reference"
CROP = (32, 64)
"""Of the training of detectron2's reference, which its image pooling repeats."""


def stored(project):
    with safe_open(FOLDER / f"peer_{project}.safetensors", "pt") as file:
        shapes = json.loads(file.metadata()["shapes"])
        results = {name: file.get_tensor(name).double() for name in file.keys()}  # noqa: SIM118
    return shapes, results


CASES = [
    (project, name)
    for project in ("vainf", "jfzhang95", "smp", "mmsegmentation", "detectron2", "timm")
    for name in stored(project)[0]
]


def as_found(shapes, settings=None):
    return StateDict({name: drawn(name, shape) for name, shape in shapes.items()}, settings or {})


def built(source):
    """The source's model in float64."""
    config = source.config
    if config.compatibility.pool_window:
        config = replace(config, compatibility=replace(config.compatibility, pool_window=CROP))
    with torch.device("meta"):
        model = build(config)
    model.preprocess = Preprocess(config.conventions, in_channels=3)
    model.load_state_dict(source.state, assign=True, strict=source.segments)
    return model.double().eval() if source.segments else model.eval()


@pytest.mark.parametrize(("project", "name"), [case for case in CASES if case[0] != "timm"])
def test_equal_logits(project, name):
    shapes, results = stored(project)
    source = from_state_dict(as_found(shapes[name]))
    assert source.segments
    assert not source.skipped
    assert len(source.state) >= len(shapes[name])
    model = built(source)
    compared = 0
    for key, expected in results.items():
        label, output_stride, size, kind = key.split("/")
        if label != name:
            continue
        images = (drawn("image", (1, 3, *map(int, size.split("x")))) + 0.5) * 255
        planned = model.replanned(output_stride=int(output_stride))
        with torch.no_grad():
            logits = planned(images) if kind == "coarse" else planned.logits(images)[..., ::5, ::11]
        assert logits.shape == expected.shape
        assert expected.std((2, 3)).mean() > 0.02  # not constants that anything would match
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize("name", [case[1] for case in CASES if case[0] == "timm"])
def test_equal_features(name):
    shapes, results = stored("timm")
    source = from_state_dict(as_found(shapes[name], {"architecture": name.removeprefix("timm_")}))
    assert not source.segments
    model = built(source)
    backbone = model.backbone.double()
    backbone.plan(output_stride=32)
    compared = 0
    for key, expected in results.items():
        label, _, size, _ = key.split("/")
        if label == name:
            images = (drawn("image", (1, 3, *map(int, size.split("x")))) + 0.5) * 255
            with torch.no_grad():
                found = mixed(backbone(model.preprocess.double()(images, output_stride=32)).high, count=8)
            assert expected.std() > 0.02
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
            compared += 1
    assert compared == 2
