from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from atrous.errors import InputError
from atrous.importers.official_mobilenet_v2 import import_backbone, import_deeplab
from atrous.importers.tflite.network import read_network
from atrous.model.config import MobileNetV2Config
from atrous.model.conventions import TENSORFLOW
from fakes.fake_mobilenet import FakeMobileNet
from fakes.litert import litert
from fakes.tflite_writer import Action, input_metadata


def network(folder, content):
    (folder / "official.tflite").write_bytes(content)
    return read_network(folder / "official.tflite")


def random_image(size):
    return np.random.default_rng(1).integers(0, 256, (size, size, 3)).astype(np.float32)


def batch(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None]


@pytest.mark.parametrize("size", [65, 97])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("space_to_batch", [False, True])
def test_logits_are_those_of_litert(tmp_path, size, output_stride, space_to_batch):
    content = FakeMobileNet(size=size, output_stride=output_stride, space_to_batch=space_to_batch).content()
    model = import_deeplab(network(tmp_path, content))
    assert model.output_stride == output_stride
    image = random_image(size)
    expected = litert(content, image / 127.5 - 1)
    with torch.inference_mode():
        logits = model.logits(batch(image))[0].permute(1, 2, 0).numpy()
    assert expected.std() > 1
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_the_scaling_in_the_file_is_the_one_that_is_used(tmp_path):
    content = FakeMobileNet(width=0.125).content(metadata=input_metadata([100.0], [50.0]))
    model = import_deeplab(network(tmp_path, content))
    image = random_image(65)
    with torch.inference_mode():
        logits = model.logits(batch(image))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(logits, litert(content, (image - 100) / 50), atol=3e-4)


def test_configuration_is_derived_from_the_layers(tmp_path):
    config = import_deeplab(network(tmp_path, FakeMobileNet(width=0.25, output_stride=8, classes=4).content())).config
    assert config.backbone == MobileNetV2Config(depth_multiplier=0.25, channel_divisor=None)
    assert (config.classes, config.output_stride, config.decoder, config.head.rates) == (4, 8, None, ())
    assert (config.head.aspp_channels, config.head.projection) == (6, ((1, 7, False),))
    assert config.conventions == replace(TENSORFLOW, input_mean=(127.5,), input_std=(127.5,))


def test_backbone_of_a_classifier_gives_the_features_behind_its_answer(tmp_path):
    content = FakeMobileNet(width=0.35, divisor=8, size=64, output_stride=32).classifier()
    file = network(tmp_path, content)
    imported = import_backbone(file)
    assert imported.config.backbone == MobileNetV2Config(depth_multiplier=0.35, channel_divisor=8)
    assert imported.skipped == ("MobilenetV2/Conv_1", "MobilenetV2/Logits/Conv2d_1c_1x1")
    image = random_image(64) / 127.5 - 1
    widen, classify = (
        (torch.from_numpy(layer.kernel), torch.from_numpy(layer.bias)) for layer in file.convolutions[-2:]
    )
    with torch.inference_mode():
        features = imported.backbone(batch(image)).high
        pooled = F.relu6(F.conv2d(features, *widen)).mean((2, 3), keepdim=True)
        answer = F.conv2d(pooled, *classify).flatten().numpy()
    np.testing.assert_allclose(answer, litert(content, image).flatten(), atol=1e-4)


def test_backbone_of_a_deeplab_file_names_the_head_as_skipped(tmp_path):
    imported = import_backbone(network(tmp_path, FakeMobileNet().content()))
    assert set(imported.skipped) == {"image_pooling", "aspp0", "concat_projection", "logits/semantic"}


def test_a_classifier_is_no_segmentation_model(tmp_path):
    file = network(tmp_path, FakeMobileNet(size=64, output_stride=32).classifier())
    with pytest.raises(InputError, match=r"official\.tflite: an ImageNet classifier.*use it as backbone weights"):
        import_deeplab(file)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rename": {"aspp0": "aspp9"}}, "aspp0 is missing"),
        (
            {"rename": {"expanded_conv_3/expand": "elsewhere"}},
            "expanded_conv_3/expand is missing; MobilenetV2/elsewhere is unknown",
        ),
        ({"swap_concatenation": True}, r"inputs \('aspp0', 'image_pooling'\) where the model has \('image_p"),
        ({"stem_activation": Action.RELU}, "MobilenetV2/Conv has activation relu where the model has relu6"),
        ({"output_stride": 2}, "output stride 2 is impossible"),
        ({"divisor": 3}, "no MobileNetV2 at any depth multiplier"),
    ],
)
def test_a_different_network_is_told_apart(tmp_path, change, complaint):
    file = network(tmp_path, FakeMobileNet(**change).content())
    with pytest.raises(InputError, match=rf"official\.tflite: .*{complaint}"):
        import_deeplab(file)
