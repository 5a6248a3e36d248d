import numpy as np
import pytest
import torch
import torch.nn.functional as F

from atrous.errors import InputError
from atrous.importers.unfused_norms import unfold_batch_norms
from atrous.model.build import build
from atrous.model.config import ASPPConfig, MobileNetV2Config, ModelConfig
from atrous.model.norm import norms


@pytest.fixture
def model():
    """A small model whose batch norms are lines of every kind, falling ones included."""
    torch.manual_seed(0)
    config = ModelConfig(MobileNetV2Config(depth_multiplier=0.125), head=ASPPConfig(rates=(), aspp_channels=8))
    model = build(config).eval()
    for norm in norms(model):
        norm.weight.data.uniform_(-0.5, 1.5)
        norm.bias.data.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return model


def random_images(count, size=65, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


def features(model, images):
    with torch.inference_mode():
        return model.backbone(model.preprocess(images, output_stride=model.output_stride))


def test_the_function_stays(model):
    seen, unseen = random_images(4), random_images(2, size=97, seed=1)
    before = [features(model, images).high for images in (seen, unseen)]
    unfold_batch_norms(model, [seen])
    for images, expected in zip((seen, unseen), before, strict=True):
        assert expected.std() > 0.1
        torch.testing.assert_close(features(model, images).high, expected, atol=1e-4, rtol=0)


def test_training_mode_then_computes_what_eval_mode_computes(model):
    """Normalising with the batch's statistics is normalising with the running ones: they are the batch's."""
    images = random_images(4)
    unfold_batch_norms(model, [images])
    expected = features(model, images).high
    model.backbone.train()
    for norm in norms(model.backbone):
        norm.momentum = 0.0
    torch.testing.assert_close(features(model, images).high, expected, atol=2e-3, rtol=2e-3)


def test_statistics_of_the_first_layer_are_those_of_all_images_together(model):
    images = random_images(7)
    scaled = images.double() / 127.5 - 1
    outputs = F.conv2d(scaled, model.backbone.stem.conv.weight.detach().double(), stride=2, padding=1).numpy()
    unfold_batch_norms(model, images.split(3))  # uneven: 3, 3, 1
    norm = model.backbone.stem.norm
    np.testing.assert_allclose(norm.running_mean, outputs.mean(axis=(0, 2, 3)), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(norm.running_var, outputs.var(axis=(0, 2, 3)), rtol=1e-5)


def test_a_second_pass_changes_nothing(model):
    images = random_images(2)
    unfold_batch_norms(model, [images])
    once = [norm.weight.clone() for norm in norms(model.backbone)]
    unfold_batch_norms(model, [images])
    for norm, weight in zip(norms(model.backbone), once, strict=True):
        torch.testing.assert_close(norm.weight, weight, rtol=1e-4, atol=1e-5)


def test_head_and_modes_are_left_alone_and_progress_counts_images(model):
    head = {key: value.clone() for key, value in model.state_dict().items() if not key.startswith("backbone.")}
    model.train()
    counts = []
    unfold_batch_norms(model, random_images(5).split(2), on_progress=counts.append)
    assert counts == [2, 4, 5]
    assert all(module.training for module in model.modules())
    for key, value in head.items():
        torch.testing.assert_close(model.state_dict()[key], value, rtol=0, atol=0)
    assert not any(norm._forward_pre_hooks for norm in norms(model))


def test_no_image_is_an_error_and_changes_nothing(model):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(InputError, match="at least one training image"):
        unfold_batch_norms(model, [])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
