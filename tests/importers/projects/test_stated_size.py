"""`atrous info` shows a network at the size that its file states, as the projects themselves write it."""

import json
import lzma

import pytest
import torch
from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation, MobileNetV2ImageProcessor

from atrous.cli.main import main
from atrous.importers.file_head import read_head
from atrous.importers.projects.stated_size import stated_size
from atrous.importers.pytorch.state_dict import StateDict
from atrous.importers.readers import read_foreign
from atrous.weights.archive import save
from fakes.lively_model import lively_archive
from torchvision_shim import import_module


def shown_size(capsys, path, *arguments):
    assert main(["info", str(path), "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)["size"]


@pytest.mark.shared
def test_the_crop_of_an_official_configuration_of_mmsegmentation(shared, tmp_path, capsys):
    name = "deeplabv3plus_r50-d8_4xb2-40k_cityscapes-769x769.pth"
    path = tmp_path / "renamed.pth"
    path.write_bytes(lzma.decompress((shared / "cases/weights" / f"{name}.xz").read_bytes()))
    assert shown_size(capsys, path) == [769, 769]
    assert shown_size(capsys, path, "--size", "65") == [65, 65]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("crop_size = (512, 1024)\n", (512, 1024)),  # before 1.0
        ("crop_size = (7, 7)\nmodel = dict(data_preprocessor=dict(size=(769, 769)))", (769, 769)),
        ("crop_size = (640, 480)\ndata_preprocessor = dict(size=None, size_divisor=32)", (640, 480)),
        ("crop_size = (0, 480)", None),
        ("crop_size = (True, 480)", None),
        ("crop_size = (10**6, 480)", None),
        ("crop_size = (1000000, 480)", None),
        ("model = dict(backbone=dict())", None),
        ("model = (", None),
        ("", None),
    ],
)
def test_configurations_of_mmsegmentation(text, size):
    assert stated_size(StateDict({}, meta=text)) == size


def test_hugging_face_states_the_crop_of_its_processor_or_the_size_of_its_network(tmp_path, capsys):
    config = MobileNetV2Config(depth_multiplier=0.1, num_labels=4, image_size=321)
    MobileNetV2ForSemanticSegmentation(config).save_pretrained(tmp_path)
    assert shown_size(capsys, tmp_path) == [321, 321]
    processor = MobileNetV2ImageProcessor(crop_size={"height": 193, "width": 257}, size={"height": 65, "width": 97})
    processor.save_pretrained(tmp_path)
    assert shown_size(capsys, tmp_path) == [193, 257]
    processor.do_center_crop = False
    processor.save_pretrained(tmp_path)
    assert shown_size(capsys, tmp_path) == [65, 97]
    MobileNetV2ImageProcessor(size={"shortest_edge": 400}, do_center_crop=False).save_pretrained(tmp_path)
    assert shown_size(capsys, tmp_path) == [321, 321]  # pictures keep their shape: no size is stated


def test_timm_states_the_size_of_its_training(tmp_path):
    timm = import_module("timm")
    model = timm.create_model("mobilenetv2_050", pretrained_cfg_overlay={"input_size": (3, 160, 192)})
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True)
    assert read_foreign(read_head(tmp_path)).size == (160, 192)


def test_hyperparameters_of_lightning(tmp_path):
    """Whatever project the network is of."""
    model = import_module("timm").create_model("mobilenetv2_050", num_classes=3)
    for entry, size in (({"crop_size": [384, 512]}, (384, 512)), ({"img_size": 256}, (256, 256)), ({"lr": 1}, None)):
        torch.save({"state_dict": model.state_dict(), "hyper_parameters": {"cfg": entry}}, tmp_path / "a.ckpt")
        assert read_foreign(read_head(tmp_path / "a.ckpt")).size == size


@pytest.mark.parametrize("value", [[33, 65, 3], [3, 33, 65], (33, 65), {"height": 33, "width": 65}])
def test_channels_stand_first_or_last(value):
    assert stated_size(StateDict({}, {"image_size": value})) == (33, 65)


@pytest.mark.parametrize("value", ["512", 0, -5, 512.0, [512.5, 3], [], [1, 2, 3, 4], {"height": 5}, None, True])
def test_what_is_no_size_is_passed_over(value):
    assert stated_size(StateDict({}, {"image_size": value, "crop_size": [33, 65]})) == (33, 65)


def test_an_archive_of_a_run_states_the_crops_of_its_training(tmp_path, capsys):
    archive = lively_archive()
    path = tmp_path / "w.safetensors"
    for provenance, size in (({"training": {"crop": [97, 129]}}, [97, 129]), ({"training": {}}, [513, 513])):
        save(path, archive.model, labels=archive.labels, provenance=provenance)
        assert shown_size(capsys, path) == size
