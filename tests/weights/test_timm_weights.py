"""Weights of timm by its names, from a stand-in of the hub on the loopback."""

import pytest
import torch
from safetensors.torch import save

from atrous.errors import InputError
from atrous.model.any_backbone import deeplabv3plus
from atrous.weights.backbone import load_backbone, read_backbone
from fakes.hub import serving_hub
from reference.weights import randomize
from torchvision_shim import import_module

timm = import_module("timm")


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # plain HTTP, which the stand-in speaks
    with serving_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.mark.parametrize(("name", "tag", "channels"), [("resnet18", "a1_in1k", 3), ("convnext_atto", "d2_in1k", 5)])
def test_they_are_fetched_once_and_fill_the_backbone(server, name, tag, channels):
    trained = randomize(timm.create_model(name)).float()
    server.files[f"timm/{name}.{tag}"] = {"model.safetensors": save(trained.state_dict())}
    model = deeplabv3plus(f"timm:{name}", 3, in_channels=channels)
    transfer = load_backbone(model, f"timm:{name}.{tag}")
    assert all(key.startswith(("aspp.", "decoder.", "classifier.")) for key in transfer.fresh)
    reference = {key.replace("stem_", "stem.").replace("stages_", "stages."): each
                 for key, each in model.backbone.network.state_dict().items()}  # fmt: skip
    kept, first = trained.state_dict(), next(iter(reference))
    for key, tensor in reference.items():
        if key != first or channels == 3:
            assert torch.equal(tensor, kept[key]), key
    asked = len(server.asked)
    load_backbone(model, f"timm:{name}.{tag}")
    assert not [line for line in server.asked[asked:] if line.startswith("GET")]


@pytest.mark.usefixtures("server")
def test_an_unknown_tag_and_missing_weights_are_one_line():
    model = deeplabv3plus("timm:resnet18", 3)
    with pytest.raises(InputError, match="timm has no weights 'a99' for resnet18"):
        load_backbone(model, "timm:resnet18.a99")
    with pytest.raises(InputError, match="cannot fetch timm:resnet18"):
        load_backbone(model, "timm:resnet18")


def test_other_bytes_are_one_line(server):
    server.files["timm/resnet18.a1_in1k"] = {"model.safetensors": b"<html>no</html>" * 10}
    with pytest.raises(InputError, match=r"model\.safetensors does not hold the weights of timm:resnet18"):
        load_backbone(deeplabv3plus("timm:resnet18", 3), "timm:resnet18")


@pytest.mark.parametrize("change", ["another network", "a missing tensor"])
def test_what_does_not_fit_whole_is_one_line(server, change):
    """timm alone loads such files into a network without classifier, and leaves random numbers where some lack."""
    state = timm.create_model("resnet34" if change == "another network" else "resnet18").state_dict()
    if change == "a missing tensor":
        del state["layer3.0.conv1.weight"]
    server.files["timm/resnet18.a1_in1k"] = {"model.safetensors": save(state)}
    with pytest.raises(InputError, match=r"does not hold the weights of timm:resnet18: .*(Unexpected|Missing) key"):
        load_backbone(deeplabv3plus("timm:resnet18", 3), "timm:resnet18")


def test_scaling_is_that_of_the_weights_not_of_the_network(server):
    """Of MobileNetV4's weights, the first were trained with ImageNet's mean, others with 0.5."""
    name = "mobilenetv4_conv_small.e3600_r256_in1k"
    state = timm.create_model(name).state_dict()
    server.files[f"timm/{name}"] = {"model.safetensors": save(state)}
    found = read_backbone(f"timm:{name}")
    assert found.conventions.input_mean == (127.5, 127.5, 127.5)
    model = deeplabv3plus("timm:mobilenetv4_conv_small", 3)
    assert model.config.conventions.input_mean != found.conventions.input_mean
    load_backbone(model, found)
    assert model.config.conventions.input_mean == found.conventions.input_mean


@pytest.mark.parametrize("kind", ["safetensors", "a checkpoint beside other things"])
def test_a_file_of_timms_names_fills_the_network_it_is_for(tmp_path, kind):
    trained = randomize(timm.create_model("resnet18")).float()
    path = tmp_path / "weights.bin"
    if kind == "safetensors":
        path.write_bytes(save(trained.state_dict()))
    else:
        torch.save({"epoch": 3, "state_dict": trained.state_dict(), "optimizer": {"lr": 0.1}}, path)
    model = deeplabv3plus("timm:resnet18", 3)
    load_backbone(model, path)
    images = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        features = model.replanned(output_stride=32).eval().backbone(images).high
        torch.testing.assert_close(features, trained.eval().forward_features(images), rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match=r"weights\.bin does not hold the weights of timm's resnet34: "):
        load_backbone(deeplabv3plus("timm:resnet34", 3), path)
