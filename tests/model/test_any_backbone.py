"""Models over networks of timm by name: features are timm's own at every output stride that timm has."""

import pytest
import torch

from atrous.cli.main import main
from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from atrous.model.any_backbone import any_model, deeplabv3, deeplabv3plus, with_backbone
from atrous.model.config import TimmConfig
from atrous.model.presets import preset
from atrous.weights.archive import load, save
from reference.weights import randomize, uniform
from torchvision_shim import import_module

timm = import_module("timm")


@pytest.mark.parametrize(
    ("name", "output_stride"), [("resnet18", 8), ("regnety_002", 16), ("mobilenetv4_conv_small", 8)]
)
def test_features_are_timms(name, output_stride):
    model = randomize(deeplabv3plus(f"timm:{name}", 5, output_stride=output_stride)).double().eval()
    theirs = timm.create_model(name, features_only=True, output_stride=output_stride).double().eval()
    theirs.load_state_dict(model.backbone.network.state_dict())
    image = uniform(1, 3, 65, 97)
    with torch.no_grad():
        expected, found = theirs(image), model.backbone(image)
    torch.testing.assert_close(found.low, expected[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.high, expected[-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [(64, 64), (63, 50), (97, 130)])
def test_patches_keep_the_size_of_the_map(size):
    """A map at output stride 8 has the positions of the network's own map at 8, none lost at the lower right."""
    model = deeplabv3("timm:convnext_atto", 4, output_stride=8).eval()
    own = timm.create_model("convnext_atto", features_only=True).eval()
    with torch.no_grad():
        high, stages = model.backbone(uniform(1, 3, *size).float()).high, own(uniform(1, 3, *size).float())
    assert high.shape[-2:] == stages[1].shape[-2:]


def test_it_is_saved_loaded_replanned_and_predicts(tmp_path):
    """Blur pooling has no tensors; its kernel is there all the same after a model was built without memory."""
    model = randomize(deeplabv3("timm:resnetblur18", 4)).float().eval()
    save(tmp_path / "a.safetensors", model, labels=LabelSpace.unnamed(4), provenance={})
    back = load(tmp_path / "a.safetensors").model
    assert back.config == model.config
    image = torch.randint(0, 256, (1, 3, 63, 50), dtype=torch.uint8)
    for stride in (16, 8):
        with torch.no_grad():
            ours, theirs = (each.replanned(output_stride=stride).eval()(image) for each in (model, back))
        torch.testing.assert_close(ours, theirs)
    assert Predictor(back, output_stride=8)(image[0]).labels.shape == (63, 50)


@pytest.mark.parametrize("name", ["convnext_atto", "resnetblur18"])
def test_an_image_smaller_than_a_patch_or_a_blur_is_one_line(name):
    model = deeplabv3(f"timm:{name}", 4).eval()
    with pytest.raises(InputError, match=r"cannot take an image of 1x1 pixels .*; enlarge it to 64"):
        model(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).shape[-2:] == (4, 4)


def test_conventions_are_those_of_the_weights():
    config = any_model("deeplabv3plus_timm:mobilenetv4_conv_small")
    assert config.backbone == TimmConfig("mobilenetv4_conv_small")
    stated = timm.get_pretrained_cfg("mobilenetv4_conv_small")
    assert config.conventions.input_mean == tuple(255 * value for value in stated.mean)
    assert preset("deeplabv3_timm:resnet18").decoder is None
    other = with_backbone(preset("deeplabv3plus_resnet50"), "timm:resnet18")
    assert other.decoder == preset("deeplabv3plus_resnet50").decoder


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("timm:resnet8", r"timm has no network 'resnet8'; did you mean 'resnet"),
        ("resnet18", "give timm:NAME"),
        ("timm:hf-hub:timm/resnet18.a1_in1k", "is no name of a network"),
        ("timm:../resnet18", "is no name of a network"),
        ("timm:vit_tiny_patch16_224", "timm:vit_tiny_patch16_224: .* cannot be made atrous"),
        ("timm:hrnet_w18_small", "timm:hrnet_w18_small: .* cannot be made atrous"),
    ],
)
def test_others_are_one_line(backbone, words):
    with pytest.raises(InputError, match=words) as caught:
        deeplabv3plus(backbone)
    assert "\n" not in str(caught.value)


def test_without_timm_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(InputError, match=r"the network timm:resnet18 needs timm; .* pip install 'atrous\[timm\]'"):
        deeplabv3plus("timm:resnet18")


def test_info_shows_it(capsys):
    assert main(["info", "deeplabv3plus_timm:resnet18", "--size", "65"]) == 0
    assert "deeplabv3plus_timm:resnet18 on 65x65 pixels" in capsys.readouterr().out
    assert main(["info", "deeplabv3plus_timm:resnt18"]) == 2
    assert "did you mean 'resnet18'?" in capsys.readouterr().err
