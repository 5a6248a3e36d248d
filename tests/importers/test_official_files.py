"""The official files against LiteRT on the two real photos."""

import numpy as np
import pytest
import torch
from PIL import Image

from atrous.importers.official_mobilenet_v2 import IMAGENET_HEAD
from atrous.importers.unfused_norms import unfold_batch_norms
from atrous.labels import PASCAL_VOC
from atrous.model.build import build
from atrous.model.config import MobileNetV2Config
from atrous.model.presets import preset
from atrous.weights.backbone import load_backbone
from atrous.weights.load import load
from fakes.litert import litert

pytestmark = pytest.mark.shared

FLOAT = "deeplabv3_mnv2_dm05_voc_257_float.tflite"
EIGHT_BIT = "deeplabv3_mnv2_pascal_quant.tflite"
IMAGENET = "mobilenet_v2_1.0_224_quant.tflite"
RIDER = "segmentation_input_rotation0.jpg"
BIRD = "bird_segmentation.bmp"


def photo(shared, name, size):
    with Image.open(shared / "images" / name) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def batch(*images):
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def full_logits(model, image):
    with torch.inference_mode():
        return model.logits(batch(image))[0].permute(1, 2, 0).numpy()


@pytest.fixture(scope="module")
def float_archive(shared):
    return load(shared / "weights" / FLOAT)


@pytest.fixture(scope="module")
def eight_bit_archive(shared):
    return load(shared / "weights" / EIGHT_BIT)


def test_configurations_are_those_of_the_published_models(float_archive, eight_bit_archive):
    small, large = float_archive.model.config, eight_bit_archive.model.config
    assert (small.backbone, small.output_stride) == (MobileNetV2Config(depth_multiplier=0.5), 8)
    assert (large.backbone, large.output_stride) == (MobileNetV2Config(depth_multiplier=1.0), 16)
    for config, scaling in ((small, 127.5), (large, 128.0)):
        assert config.head == preset("deeplabv3_mobilenet_v2").head
        assert (config.conventions.input_mean, config.conventions.input_std) == ((scaling,), (scaling,))
        assert config.conventions.align_corners
    assert float_archive.labels == eight_bit_archive.labels == PASCAL_VOC


@pytest.mark.parametrize("name", [RIDER, BIRD])
def test_float_logits_are_those_of_litert(shared, float_archive, name):
    image = photo(shared, name, 257)
    expected = litert((shared / "weights" / FLOAT).read_bytes(), (image / 127.5 - 1).astype(np.float32))
    np.testing.assert_allclose(full_logits(float_archive.model, image), expected, atol=1e-4, rtol=0)


def test_float_labels_are_the_published_ones_on_every_pixel(shared, float_archive):
    logits = full_logits(float_archive.model, photo(shared, RIDER, 257))
    with Image.open(shared / "images" / "segmentation_golden_rotation0.png") as image:
        golden = np.asarray(image)
    best, second = np.sort(logits, axis=-1)[..., [-1, -2]].transpose(2, 0, 1)
    assert (best - second).min() >= 1e-4  # no pixel is a toss-up
    np.testing.assert_array_equal(logits.argmax(-1) * 10, golden)


@pytest.mark.parametrize(("name", "share"), [(BIRD, 0.998), (RIDER, 0.992)])
def test_8_bit_labels_are_those_of_litert(shared, eight_bit_archive, name, share):
    image = photo(shared, name, 513)
    expected = litert((shared / "weights" / EIGHT_BIT).read_bytes(), image)
    agreement = (full_logits(eight_bit_archive.model, image).argmax(-1) == expected).mean()
    assert share <= agreement < 1


def test_imagenet_backbone_unfolds_without_changing_its_function(shared):
    model = build(preset("deeplabv3plus_mobilenet_v2")).eval()
    transfer = load_backbone(model, shared / "weights" / IMAGENET)
    assert transfer.skipped == IMAGENET_HEAD
    images = batch(photo(shared, BIRD, 321), photo(shared, RIDER, 321))

    def features():
        with torch.inference_mode():
            return model.backbone(model.preprocess(images, output_stride=16))

    before = features()
    unfold_batch_norms(model, [images])
    after = features()
    assert before.high.std() > 0.1
    torch.testing.assert_close(after.high, before.high, atol=1e-4, rtol=0)
    torch.testing.assert_close(after.low, before.low, atol=1e-4, rtol=0)
