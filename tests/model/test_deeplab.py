import logging
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.config import (
    ASPPConfig,
    EfficientNetLiteConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import PYTORCH, TENSORFLOW
from atrous.model.deeplab import DeepLabLRASPP
from atrous.model.norm import freeze_norms
from atrous.model.presets import PRESETS
from atrous.model.stride_plan import padded_size
from atrous.ops.loss.upsample_cross_entropy import upsample_cross_entropy
from fakes.small_models import small_config
from reference.networks import Reference, hard_swish, relu, relu6
from reference.operations import bilinear
from reference.weights import arrays, randomize, uniform

STEM_ACTIVATIONS = {
    MobileNetV2Config: relu6,
    EfficientNetLiteConfig: relu6,
    MobileNetV3Config: hard_swish,
    ResNetConfig: relu,
    XceptionConfig: relu,
}


def pixels(*shape, seed=0):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def small(name, **changes):
    return randomize(build(small_config(name, **changes)))


def reference_logits(model, images):
    """The figure in numpy: scale, pad, backbone, head, decoder, classifier, upsample, crop."""
    config = model.config
    conventions, height, width = config.conventions, *images.shape[2:]
    x = images.numpy().astype(float)
    x = (x - np.reshape(conventions.input_mean, (-1, 1, 1))) / np.reshape(conventions.input_std, (-1, 1, 1))
    rows, columns = height, width
    if conventions.fit == "os*k+1":
        rows, columns = padded_size((height, width), output_stride=config.output_stride)
        x = np.pad(x, ((0, 0), (0, 0), (0, rows - height), (0, columns - width)))
    state = arrays(model)

    def part(name, epsilon):
        inside = {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
        return Reference(inside, epsilon=epsilon, padding=conventions.conv_padding)

    plan = [(unit.stride, unit.rate) for unit in model.backbone.planned]
    backbone, padded = part("backbone", conventions.backbone_epsilon), x
    if isinstance(config.backbone, ResNetConfig):
        low, middle, high = backbone.resnet(x, plan, pool_padding=conventions.pool_padding)
    elif isinstance(config.backbone, MobileNetV2Config):
        low, middle, high = backbone.mobilenet_v2(x, plan)
    elif isinstance(config.backbone, EfficientNetLiteConfig):
        low, middle, high = backbone.efficientnet_lite0(x, plan)
    elif isinstance(config.backbone, MobileNetV3Config):
        low, middle, high = backbone.mobilenet_v3(x, plan[:-1], middle=config.compatibility.middle_level)
    else:
        low, middle, high = backbone.xception(x, plan, taps=(2, 4) if config.backbone.depth == 71 else (1, 2))
    features = high
    if isinstance(aspp := config.head, ASPPConfig):
        head = part("aspp", conventions.head_epsilon)
        features = head.aspp(high, rates=model.aspp.rates, separable=aspp.separable, image_pooling=aspp.image_pooling)
        for number, (_, _, separable) in enumerate(aspp.projection[1:], start=1):
            features = head.layer_of_kind(f"projection.{number}", features, separable=separable)
    stages = {}
    if config.decoder is not None:
        stages["decoder"] = (low, config.decoder.refinement)
        if config.decoder.middle_level_channels is not None:
            stages = {"middle_decoder": (middle, config.decoder.middle_refinement), **stages}
    for name, (tapped, refinement) in stages.items():
        separable = [kind for _, _, kind in refinement]
        decoder = part(name, conventions.head_epsilon)
        features = decoder.decoder(tapped, features, separable=separable, align_corners=conventions.align_corners)
    if isinstance(aspp, LRASPPConfig):
        # The images here are smaller than the window: the whole is one window.
        assert config.compatibility.pool_window in (None, (769, 769))
        head, pooled = part("aspp", conventions.head_epsilon), high.mean(axis=(2, 3), keepdims=True)
        hard, size = aspp.gate == "hard_sigmoid", middle.shape[2:]
        features = head.lraspp(high, size, pooled=pooled, hard=hard, align_corners=conventions.align_corners)
    coarse = None
    if config.decoder is not None and config.decoder.fine_channels is not None:
        first = backbone.first_map(padded, activation=STEM_ACTIVATIONS[type(config.backbone)])
        coarse = Reference(state).dense("coarse_classifier", features)
        fine = part("fine_decoder", conventions.head_epsilon)
        features = fine.fine_decoder(first, features, align_corners=conventions.align_corners)
    logits = Reference(state).dense("classifier", features)
    if coarse is not None:
        logits = logits + bilinear(coarse, logits.shape[2:], align_corners=conventions.align_corners)
    if isinstance(aspp, LRASPPConfig):
        logits = logits + Reference(state).dense("middle_classifier", middle)
    return bilinear(logits, (rows, columns), align_corners=conventions.align_corners)[..., :height, :width]


@pytest.mark.parametrize(("output_stride", "size"), [(8, (35, 50)), (16, (48, 33))])
@pytest.mark.parametrize("name", [name for name in PRESETS if not re.search("101|65|71", name)])
def test_logits_are_the_papers_figure(name, size, output_stride):
    model = small(name, output_stride=output_stride)
    images = pixels(1, 3, *size)
    logits = model.logits(images).detach().numpy()
    np.testing.assert_allclose(logits, reference_logits(model, images), atol=1e-6)


def two_taps(name):
    config = small_config(name)
    decoder = replace(config.decoder, middle_level_channels=3, middle_refinement=((3, 6, False), (1, 5, True)))
    return randomize(build(replace(config, decoder=decoder)))


@pytest.mark.parametrize(
    ("name", "output_strides"),
    [
        ("deeplabv3plus_mobilenet_v2", (4, 8, 16, 32)),
        ("deeplabv3plus_resnet50", (8,)),  # edges are aligned, not corners
        ("deeplabv3plus_resnet50_beta", (32,)),
        ("deeplabv3plus_xception41", (16,)),
        ("deeplabv3plus_mobilenet_v3", (8,)),
    ],
)
def test_two_taps_are_joined_one_after_the_other(name, output_strides):
    """DeepLabv3+, Table 2, last row: first the features at output stride 8, refined, then those at 4."""
    model, images = two_taps(name), pixels(1, 3, 50, 35)
    for output_stride in output_strides:
        twin = model.replanned(output_stride=output_stride)
        logits = twin.logits(images).detach().numpy()
        np.testing.assert_allclose(logits, reference_logits(twin, images), atol=1e-6)


def fine(name, **changes):
    config = small_config(name, **changes)
    return randomize(build(replace(config, decoder=replace(config.decoder, fine_channels=7))))


@pytest.mark.parametrize(
    ("name", "output_strides"),
    [
        ("deeplabv3plus_mobilenet_v2", (4, 8, 16, 32)),
        ("deeplabv3plus_efficientnet_lite0", (16,)),
        ("deeplabv3plus_resnet50", (8,)),  # edges are aligned, not corners
        ("deeplabv3plus_resnet50_beta", (32,)),
        ("deeplabv3plus_xception41", (16,)),
        ("deeplabv3plus_mobilenet_v3", (8,)),
    ],
)
def test_fine_logits_are_added_to_the_decoders(name, output_strides):
    """Seven channels: two of the first map, five of the decoder's output, one separable convolution."""
    model, images = fine(name), pixels(1, 3, 50, 35)
    assert model.fine_decoder.first_level.out_channels == 2
    for output_stride in output_strides:
        twin = model.replanned(output_stride=output_stride)
        logits = twin.logits(images).detach().numpy()
        np.testing.assert_allclose(logits, reference_logits(twin, images), atol=1e-6)


@pytest.fixture(scope="module", params=PRESETS)
def small_model(request):
    """A preset with fresh weights, built once; one at a time, since some are large."""
    torch.manual_seed(0)
    return build(small_config(request.param)).eval()


@pytest.mark.slow
@settings(max_examples=6)
@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 99))
def test_any_size_is_the_plain_definition(small_model, height, width, seed):
    """Pad with the mean pixel by hand, run, upsample to the padded size, crop."""
    model, images = small_model, pixels(1, 3, height, width, seed=seed).float()
    conventions = model.config.conventions
    rows, columns = height, width
    if conventions.fit == "os*k+1":
        rows, columns = (height + 14) // 16 * 16 + 1, (width + 14) // 16 * 16 + 1
    padded = torch.tensor(conventions.input_mean).view(1, -1, 1, 1).expand(1, 3, rows, columns).clone()
    padded[..., :height, :width] = images
    with torch.no_grad():
        logits, coarse = model.logits(images), model(padded)
    stride = 8 if isinstance(model, DeepLabLRASPP) else 16 if model.config.decoder is None else 4
    assert coarse.shape == (1, 4, -(-rows // stride), -(-columns // stride))
    plain = bilinear(coarse.double().numpy(), (rows, columns), align_corners=conventions.align_corners)
    assert np.isfinite(plain).all()
    np.testing.assert_allclose(logits.numpy(), plain[..., :height, :width], atol=1e-5 * np.abs(plain).max(), rtol=0)


@pytest.mark.parametrize("name", ["deeplabv3plus_mobilenet_v2", "lraspp_mobilenet_v3", "lraspp_mobilenet_v3_small"])
def test_replanned_is_the_model_built_for_that_stride(name):
    model = small(name, output_stride=16)
    images = pixels(1, 3, 40, 50)
    for output_stride in (4, 8, 32):
        built = build(small_config(name, output_stride=output_stride)).double().eval()
        built.load_state_dict(model.state_dict())
        twin = model.replanned(output_stride=output_stride)
        assert twin.config == built.config
        assert twin.backbone.planned == built.backbone.planned
        assert torch.equal(twin.logits(images), built.logits(images))


def test_cascade_is_replanned_as_far_as_its_blocks_reach():
    model = small("deeplabv3_cascade_resnet50")
    images = pixels(1, 3, 40, 50)
    twin = model.replanned(output_stride=256)
    assert twin.output_stride == twin.backbone.planned[-1].output_stride == 256
    assert twin(images).shape == (1, 4, 2, 2)
    np.testing.assert_allclose(twin.logits(images).detach().numpy(), reference_logits(twin, images), atol=1e-6)
    with pytest.raises(InputError, match="output stride 512 is impossible; choose one of 4, 8, 16, 32, 64, 128, 256"):
        model.replanned(output_stride=512)
    assert model.output_stride == 16


def test_replanned_leaves_the_original_alone():
    model = small("deeplabv3_mobilenet_v2_aspp")
    images = pixels(1, 3, 40, 50)
    before, planned = model(images), model.backbone.planned
    model.replanned(output_stride=8)
    assert model.output_stride == 16
    assert model.backbone.planned == planned
    assert model.aspp.rates == (6, 12, 18)
    assert torch.equal(model(images), before)


def test_replanned_shares_parameters_and_statistics_both_ways():
    model = small("deeplabv3plus_mobilenet_v2").float()
    twin = model.replanned(output_stride=8)
    assert model.output_stride == 16
    images, target = pixels(2, 3, 33, 33), torch.zeros(2, 33, 33, dtype=torch.uint8)
    for trained, watched in ((twin, model), (model, twin)):
        before = {name: tensor.clone() for name, tensor in watched.state_dict().items()}
        trained.train()
        optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
        upsample_cross_entropy(trained(images), target, trained.placement((33, 33))).backward()
        optimizer.step()
        optimizer.zero_grad()
        now = watched.state_dict()
        assert all(torch.equal(now[name], tensor) for name, tensor in trained.state_dict().items())
        moved = {name.rsplit(".", 1)[-1] for name in before if not torch.equal(before[name], now[name])}
        assert moved == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


@pytest.mark.parametrize("output_stride", [0, 2, 12, 64])
def test_impossible_stride_changes_nothing(output_stride):
    model = small("deeplabv3_mobilenet_v2_aspp")
    images = pixels(1, 3, 33, 33)
    before, config, planned = model(images), model.config, model.backbone.planned
    with pytest.raises(InputError, match=f"output stride {output_stride} is impossible"):
        model.replanned(output_stride=output_stride)
    with pytest.raises(InputError, match=f"output stride {output_stride} is impossible"):
        model.output_stride = output_stride
    assert model.config is config
    assert model.backbone.planned == planned
    assert torch.equal(model(images), before)


def test_stride_without_whole_aspp_rates_changes_nothing():
    config = small_config("deeplabv3_mobilenet_v2_aspp")
    model = randomize(build(replace(config, head=replace(config.head, rates=(3,)))))
    planned = model.backbone.planned
    with pytest.raises(InputError, match="ASPP rate 3"):
        model.output_stride = 32
    assert model.output_stride == 16
    assert model.backbone.planned == planned
    assert model.aspp.rates == (3,)


def test_output_stride_can_be_set_in_place():
    model = small("deeplabv3_mobilenet_v2_aspp")
    twin, images = model.replanned(output_stride=8), pixels(1, 3, 33, 50)
    model.output_stride = 8
    assert model.config == twin.config
    assert torch.equal(model(images), twin(images))


@pytest.mark.parametrize("size", [(33, 33), (1, 1)])
def test_batch_of_one_trains_lite_r_aspp(size):
    """It has no batch norm after its pooling; on a single pixel every norm sees one value."""
    model = small("lraspp_mobilenet_v3_small").float().train()
    images, target = pixels(1, 3, *size), torch.zeros(1, *size, dtype=torch.uint8)
    loss = upsample_cross_entropy(model(images), target, model.placement(size))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@pytest.mark.parametrize("size", [(33, 33), (1, 1)])
def test_batch_of_one_trains(size, monkeypatch, caplog):
    monkeypatch.setattr("atrous.model.norm._warned", False)
    model = small("deeplabv3plus_mobilenet_v2").float().train()
    pooling = model.aspp.branches["image_pooling"].project.norm
    before = [tensor.clone() for tensor in pooling.buffers()]
    images, target = pixels(1, 3, *size), torch.zeros(1, *size, dtype=torch.uint8)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            loss = upsample_cross_entropy(model(images), target, model.placement(size))
            loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
    assert pooling.weight.grad.abs().sum() > 0
    assert all(torch.equal(tensor, old) for tensor, old in zip(pooling.buffers(), before, strict=True))
    assert [record.getMessage().count("batch of one") for record in caplog.records] == [1]


def test_frozen_statistics_move_by_no_bit():
    model = small("deeplabv3plus_mobilenet_v2").float()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    freeze_norms(model)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, target = pixels(2, 3, 33, 33), torch.zeros(2, 33, 33, dtype=torch.uint8)
    scale = model.backbone.stem.norm.weight.detach().clone()
    for _ in range(2):
        upsample_cross_entropy(model(images), target, model.placement((33, 33))).backward()
        optimizer.step()
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert not torch.equal(model.backbone.stem.norm.weight, scale)


@pytest.mark.parametrize("in_channels", [1, 4])
def test_images_of_other_channel_counts(in_channels):
    model = small("deeplabv3_mobilenet_v2", in_channels=in_channels)
    images = pixels(1, in_channels, 20, 30)
    np.testing.assert_allclose(model.logits(images).detach().numpy(), reference_logits(model, images), atol=1e-9)
    with pytest.raises(InputError, match="in_channels"):
        model(pixels(1, 3, 20, 30))


def test_bytes_and_floats_give_the_same_logits():
    model, images = small("deeplabv3plus_mobilenet_v2").float(), pixels(2, 3, 30, 41)
    assert torch.equal(model(images), model(images.float()))


@pytest.mark.parametrize(
    ("conventions", "size", "crop"),
    [(TENSORFLOW, (369, 481), (360, 480)), (PYTORCH, (360, 480), (360, 480))],
)
def test_upsampling_says_how_coarse_logits_lie_over_the_image(conventions, size, crop):
    model = build(small_config("deeplabv3_mobilenet_v2", conventions=conventions))
    placement = model.placement((360, 480))
    assert (placement.size, placement.crop) == (size, crop)
    assert placement.align_corners == conventions.align_corners


def test_training_pads_as_evaluation_does():
    """Frozen norms and no dropout: the only difference left would be the geometry."""
    model = small("deeplabv3plus_mobilenet_v2")
    images = pixels(2, 3, 30, 41)
    expected = model.logits(images)
    freeze_norms(model)
    model.train()
    model.aspp.dropout.p = 0.0
    assert torch.equal(model.logits(images), expected)


@pytest.mark.parametrize("build_small", [small, two_taps, fine])
def test_gradient_reaches_every_parameter(build_small):
    model = build_small("deeplabv3plus_mobilenet_v2").train()
    images = uniform(2, 3, 33, 33, low=0, high=255)
    target = pixels(2, 33, 33) % 4
    upsample_cross_entropy(model(images), target, model.placement((33, 33))).backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0] == []
