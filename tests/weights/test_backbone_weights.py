import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.official_mobilenet_v2 import import_backbone
from atrous.importers.tflite.network import read_network
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, DecoderConfig, MobileNetV2Config, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH
from atrous.weights import archive, backbone
from atrous.weights.backbone import load_backbone, read_backbone, spread_over_channels
from fakes.fake_mobilenet import FakeMobileNet
from fakes.tflite_writer import input_metadata
from reference.weights import randomize

CONFIG = ModelConfig(
    MobileNetV2Config(depth_multiplier=0.125),
    head=ASPPConfig(aspp_channels=8, separable=True),
    decoder=DecoderConfig(),
    classes=3,
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "imagenet.tflite"
    path.write_bytes(FakeMobileNet(size=64, output_stride=32).classifier())
    return path


def features(model, images):
    model.eval()
    with torch.inference_mode():
        return model.backbone(model.preprocess(images, output_stride=model.output_stride))


def test_the_backbone_is_filled_the_rest_stays_fresh_and_every_key_is_named(file):
    model = build(CONFIG)
    head = {key: value.clone() for key, value in model.state_dict().items() if not key.startswith("backbone.")}
    transfer = load_backbone(model, file)
    expected = import_backbone(read_network(file)).backbone.state_dict()
    assert transfer.skipped == ("MobilenetV2/Conv_1", "MobilenetV2/Logits/Conv2d_1c_1x1")
    assert set(transfer.fresh) == set(head)
    assert set(transfer.filled) | set(transfer.fresh) == set(model.state_dict())
    assert set(transfer.filled) == {f"backbone.{key}" for key in expected}
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, expected[key])
    for key, value in head.items():
        assert torch.equal(model.state_dict()[key], value)


def test_the_image_scaling_of_the_weights_is_adopted(tmp_path):
    path = tmp_path / "deeplab.tflite"
    path.write_bytes(FakeMobileNet().content(metadata=input_metadata([10.0], [20.0])))
    model = build(CONFIG)
    load_backbone(model, path)
    assert model.config.conventions == replace(CONFIG.conventions, input_mean=(10.0,), input_std=(20.0,))
    assert model.preprocess(torch.full((1, 3, 1, 1), 50.0), output_stride=16).flatten().tolist() == [2.0] * 3


def test_an_archive_gives_its_backbone(tmp_path, file):
    trained = build(replace(CONFIG, decoder=None, classes=2))
    load_backbone(trained, file)
    archive.save(tmp_path / "trained.safetensors", trained, labels=LabelSpace(("a", "b")), provenance={})
    model = build(CONFIG)
    transfer = load_backbone(model, tmp_path / "trained.safetensors")
    images = torch.randint(0, 256, (1, 3, 65, 65), dtype=torch.uint8)
    assert torch.equal(features(model, images).high, features(trained, images).high)
    assert "classifier.weight" in transfer.skipped


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_other_channel_counts_see_grey_as_colour_models_do(file, channels):
    grey = torch.randint(0, 256, (1, 1, 65, 65), dtype=torch.uint8)
    colour, other = build(CONFIG), build(replace(CONFIG, in_channels=channels))
    for model in (colour, other):
        load_backbone(model, file)
        model.double()  # the sum over channels is taken in another order
    expected = features(colour, grey.expand(-1, 3, -1, -1)).high
    torch.testing.assert_close(features(other, grey.expand(-1, channels, -1, -1)).high, expected, atol=1e-6, rtol=1e-6)


def test_kernels_keep_their_colours_where_more_channels_follow():
    kernel = torch.tensor([3.0, 6.0, 9.0]).view(1, 3, 1, 1)
    assert spread_over_channels(kernel, 3) is kernel
    assert spread_over_channels(kernel, 1).flatten().tolist() == [18]
    assert spread_over_channels(kernel, 2).flatten().tolist() == [9, 9]
    assert spread_over_channels(kernel, 6).flatten().tolist() == [1.5, 3, 4.5, 3, 3, 3]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (replace(CONFIG, backbone=MobileNetV2Config(0.25)), "depth_multiplier=0.125.*depth_multiplier=0.25"),
        (replace(CONFIG, backbone=ResNetConfig()), "MobileNetV2Config.*the model's is ResNetConfig"),
        (replace(CONFIG, conventions=PYTORCH), "its weights need conv_padding 'same'.*'symmetric'"),
    ],
)
def test_a_backbone_of_another_kind_is_refused_before_anything_changes(file, config, complaint):
    with torch.device("meta"):  # a ResNet for real takes a second
        model = build(config)
    with pytest.raises(InputError, match=rf"imagenet\.tflite: .*{complaint}"):
        load_backbone(model, file)
    assert model.config == config


@pytest.mark.parametrize(
    ("compatibility", "complaint"),
    [
        (Compatibility(padded="units"), "padded 'units', the model was built with 'convolutions'"),
        (Compatibility(unstrided_rate="after"), "unstrided_rate 'after', the model was built with 'before'"),
    ],
)
def test_details_of_a_backbone_are_adopted_or_refused(tmp_path, compatibility, complaint):
    trained = randomize(build(replace(CONFIG, decoder=None, compatibility=compatibility))).float()
    path = tmp_path / "trained.safetensors"
    archive.save(path, trained, labels=LabelSpace(("a", "b", "c")), provenance={})
    plain = build(CONFIG)
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    with pytest.raises(InputError, match=f"trained.safetensors: its weights need {complaint}; build it with"):
        load_backbone(plain, path)
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    found = read_backbone(path)
    model = build(found.adopted(CONFIG))
    load_backbone(model, found)
    images = torch.randint(0, 256, (1, 3, 65, 65), dtype=torch.uint8)
    assert torch.equal(features(model, images).high, features(trained, images).high)
    # Another kind of backbone cannot have them, and is refused as such.
    other = replace(CONFIG, backbone=ResNetConfig(18), decoder=None)
    assert found.adopted(other).compatibility == other.compatibility


def test_a_backbone_whose_1x1_convolutions_stride_asks_for_a_model_that_does(monkeypatch):
    config = ModelConfig(ResNetConfig(), conventions=PYTORCH, compatibility=Compatibility(strided_layer="1x1"))
    plain = replace(config, compatibility=Compatibility())
    with torch.device("meta"):
        state = build(config).state_dict()
        model = build(plain)
    for segments in (True, False):  # a classifier strides there as well
        network = ForeignNetwork("Caffe", config, state, segments=segments)
        monkeypatch.setattr(backbone, "read_foreign", lambda _head, network=network: network)
        found = backbone.read_backbone(Path(__file__))
        assert found.adopted(plain) == config
        with pytest.raises(InputError, match="strided_layer '1x1', the model was built with '3x3'"):
            load_backbone(model, found)


def test_rates_of_a_classifier_that_has_none_are_not_asked_for(file):
    load_backbone(build(replace(CONFIG, compatibility=Compatibility(unstrided_rate="after"))), file)


def test_a_plain_resnet_starts_a_cascade_whose_added_blocks_stay_fresh(tmp_path):
    plain = ModelConfig(ResNetConfig(), head=None, conventions=PYTORCH, classes=2)
    trained = randomize(build(plain)).float()
    archive.save(tmp_path / "plain.safetensors", trained, labels=LabelSpace(("a", "b")), provenance={})
    cascade = build(replace(plain, backbone=ResNetConfig(added_blocks=3), classes=5)).eval()
    before = {key: value.clone() for key, value in cascade.state_dict().items()}
    transfer = load_backbone(cascade, tmp_path / "plain.safetensors")
    assert transfer.skipped == ("classifier.weight", "classifier.bias")
    assert set(transfer.filled) == {key for key in trained.state_dict() if key.startswith("backbone.")}
    # 16 units are ResNet-50; each of the nine more has three convolutions with a norm of five tensors, but no shortcut.
    fresh = [key for key in transfer.fresh if re.match(r"backbone\.units\.(1[6-9]|2[0-4])\.", key)]
    assert len(fresh) == 9 * 3 * 6
    assert set(transfer.fresh) == {*fresh, "classifier.weight", "classifier.bias"}
    after = cascade.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in transfer.fresh)
    assert all(torch.equal(after[key], trained.state_dict()[key]) for key in transfer.filled)
    block4 = []
    cascade.backbone.units[15].register_forward_hook(lambda *call: block4.append(call[-1]))
    images = torch.randint(0, 256, (1, 3, 48, 65), dtype=torch.uint8)
    features(cascade, images)
    assert torch.equal(block4[0], features(trained, images).high)
