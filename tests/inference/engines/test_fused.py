"""Folded models against the models that they were made from."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import atrous
from atrous.inference.engines import fused_conv
from atrous.inference.engines.fused import FusedASPP, fused
from atrous.inference.engines.fused_conv import FusedConv
from atrous.model.atrous import AtrousConv
from atrous.model.compatibility import Compatibility
from atrous.model.norm import BatchNorm
from fakes.lively_model import blocks, lively_model
from fakes.small_models import small_config

MODELS = (
    "deeplabv3_mobilenet_v2",
    "deeplabv3plus_resnet50",
    "deeplabv3plus_xception41",
    "deeplabv3plus_mobilenet_v2",
)


def with_statistics(module):
    """With statistics and scales that a fold has to get right."""
    generator = torch.Generator().manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, BatchNorm):
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(norm.bias, 0, 0.1, generator=generator)
    return module.eval()


def close(got, exact, *, within):
    assert (got - exact).abs().max() <= within * exact.abs().max()


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_every_model_gives_the_same_logits(name):
    with torch.inference_mode(mode=False):
        model = with_statistics(atrous.build(small_config(name, output_stride=8)))
    exact = copy.deepcopy(model).double()
    twin, exact_twin = fused(model), fused(exact)
    for size in ((1, 1), (34, 49)):
        image = blocks(*size)
        expected = exact(image)
        close(exact_twin(image), expected, within=1e-11)
        close(twin(image), expected, within=1e-4)
        close(twin(image.contiguous(memory_format=torch.channels_last)), expected, within=1e-4)


def test_what_other_projects_do_otherwise():
    """Means over windows (detectron2), and nothing between the convolutions of separable layers (SMP, VainF)."""
    config = small_config("deeplabv3plus_xception41", output_stride=16)
    config = replace(
        config,
        compatibility=Compatibility(pool_window=(33, 33), between_separable="nothing"),
    )
    model = with_statistics(atrous.build(config)).double()
    with torch.inference_mode():
        close(fused(model)(blocks(65, 97)), model(blocks(65, 97)), within=1e-11)


@pytest.mark.parametrize("low_level", ["inside", "output"])
def test_sums_overwrite_nothing_that_the_decoder_takes(low_level):
    """Units write into their shortcut; what an earlier unit gave out, and the image, must still be there."""
    config = small_config("deeplabv3plus_resnet50", output_stride=16)
    model = with_statistics(atrous.build(replace(config, compatibility=Compatibility(low_level=low_level))))
    image = blocks(65, 49).float()
    before = image.clone()
    with torch.inference_mode():
        close(fused(model)(image), copy.deepcopy(model).double()(image), within=1e-4)
    assert torch.equal(image, before)


@pytest.mark.parametrize("name", ["deeplabv3plus_resnet50", "deeplabv3plus_mobilenet_v3", "deeplabv3plus_xception41"])
def test_the_fine_decoder_still_finds_the_first_map(name):
    """It is taken after all units have run."""
    config = small_config(name, output_stride=16)
    config = replace(config, decoder=replace(config.decoder, fine_channels=6))
    model = with_statistics(atrous.build(config)).double()
    image = blocks(65, 49)
    with torch.inference_mode():
        close(fused(model)(image), model(image), within=1e-11)


def test_a_model_of_wide_layers_takes_the_tiles(monkeypatch):
    """ResNet-50 has layers of 128 and more channels: they must be asked, and be right for several images."""
    calls = []
    plain = fused_conv.winograd_conv2d
    monkeypatch.setattr(fused_conv, "winograd_conv2d", lambda *a, **k: calls.append(k["rate"]) or plain(*a, **k))
    model = with_statistics(atrous.build(small_config("deeplabv3_resnet50", output_stride=8)))
    images = torch.cat((blocks(33, 65), blocks(33, 65, seed=1)))
    with torch.inference_mode():
        close(fused(model)(images), copy.deepcopy(model).double()(images), within=2e-5)
    assert 2 in calls  # the rate of block3


@settings(max_examples=30)
@given(
    st.integers(0, 2),
    st.sampled_from([(3, 5, 1), (128, 130, 1), (6, 6, 6)]),
    st.sampled_from([1, 3]),
    st.integers(1, 21),
    st.integers(1, 21),
    st.sampled_from([(1, 1), (1, 2), (1, 7), (1, 30), (2, 1)]),
    st.sampled_from(["symmetric", "same"]),
    st.sampled_from([None, nn.ReLU(), nn.ReLU6(), nn.Hardswish()]),
    st.sampled_from([torch.contiguous_format, torch.channels_last, None]),
)
def test_any_layer_is_convolution_norm_and_activation(batch, widths, kernel, height, width, plan, padding, act, memory):
    inside, outside, groups = widths
    stride, rate = plan
    torch.manual_seed(height * width)
    layer = AtrousConv(
        inside, outside, kernel=kernel, stride=stride, rate=rate, groups=groups, padding=padding, activation=act
    )
    layer = with_statistics(layer)
    x = torch.randn(batch, inside, height, 2 * width)[..., ::2]
    x = x if memory is None else x.contiguous(memory_format=memory)
    with torch.inference_mode():
        expected = copy.deepcopy(layer).double()(x.double())
        got = FusedConv(layer)(x)
        other = torch.randn_like(got)
        total = FusedConv(layer).conv_add_relu(x, other)
        bare = copy.deepcopy(layer).double()
        bare.activation = nn.Identity()
        torch.testing.assert_close(got.double(), expected, rtol=0, atol=3e-5)
        torch.testing.assert_close(total.double(), F.relu(bare(x.double()) + other), rtol=0, atol=3e-5)


@pytest.mark.parametrize("missing", [("_compiled",), ("_one_dnn",), ("_compiled", "_one_dnn")])
def test_without_a_quick_way_it_is_the_next(missing, monkeypatch):
    for name in missing:
        monkeypatch.setattr(fused_conv, name, lambda: False)
    layer = with_statistics(AtrousConv(128, 128, kernel=3, rate=2, activation=nn.ReLU()))
    x, other = torch.randn(2, 1, 128, 16, 16)
    bare = copy.deepcopy(layer)
    bare.activation = nn.Identity()
    with torch.inference_mode():
        twin, total = FusedConv(layer), F.relu(bare(x) + other)
        torch.testing.assert_close(twin(x), layer(x), rtol=0, atol=3e-5)
        torch.testing.assert_close(twin.conv_add_relu(x, other), total, rtol=0, atol=3e-5)
        torch.testing.assert_close(twin.conv_add_relu_(other.clone(), x), total, rtol=0, atol=3e-5)


def test_gradients_take_the_plain_way():
    layer = with_statistics(AtrousConv(128, 128, kernel=3, rate=2, activation=nn.ReLU()))
    x = torch.randn(1, 128, 9, 9, requires_grad=True)
    expected = torch.autograd.grad(layer(x).sum(), x)[0]
    torch.testing.assert_close(torch.autograd.grad(FusedConv(layer)(x).sum(), x)[0], expected, rtol=0, atol=1e-3)


def test_the_model_itself_is_left_alone():
    """In training mode as before, its own batch norms, its own weights; later training does not reach the twin."""
    model = lively_model()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    twin = fused(model)
    with torch.inference_mode():
        before = twin(blocks(33, 49))
    assert model.training
    assert any(isinstance(module, BatchNorm) for module in model.modules())
    assert not any(isinstance(module, BatchNorm) for module in twin.modules())
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)
    with torch.no_grad():
        model.backbone.stem.conv.weight.zero_()
    with torch.inference_mode():
        torch.testing.assert_close(twin(blocks(33, 49)), before, rtol=0, atol=0)


@torch.inference_mode()
def test_image_pooling_is_left_in_the_projection_where_it_must_be():
    """A 3x3 projection sees image pooling's padding, so its vector is no bias; without pooling there is none."""
    for changes in ({"projection": ((3, 8, False),)}, {"projection": ()}, {"image_pooling": False}):
        with torch.inference_mode(mode=False):
            config = small_config("deeplabv3_mobilenet_v2")
            model = with_statistics(atrous.build(replace(config, head=replace(config.head, **changes))))
        twin = fused(model)
        assert not any(isinstance(module, FusedASPP) for module in twin.modules())
        close(twin(blocks(33, 49)), copy.deepcopy(model).double()(blocks(33, 49)), within=2e-5)


def test_filters_of_two_sizes_are_kept():
    layer = FusedConv(with_statistics(AtrousConv(128, 128, kernel=3, rate=6, activation=nn.ReLU())))
    with torch.inference_mode():
        for size in (12, 18, 24, 12):
            layer(torch.randn(1, 128, size, size))
    assert len(layer._transformed) <= 2
