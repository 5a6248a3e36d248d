"""Settings that a file states are read; logits of the real projects are met within 1e-5 of their deviation."""

import lzma
import tarfile
from argparse import Namespace

import numpy as np
import pytest
import torch

import atrous
from atrous.errors import InputError
from atrous.importers.file_head import read_head
from atrous.importers.overrides import Overrides
from atrous.importers.projects.mmsegmentation_settings import with_stated
from atrous.importers.projects.python_config import read_python_config
from atrous.importers.projects.timm_settings import check_mobile_network, check_resnet, timm_settings
from atrous.importers.pytorch.state_dict import open_file
from atrous.importers.readers import read_foreign
from atrous.model.build import build_backbone
from atrous.model.config import ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH
from reference.weights import randomize, uniform

MMSEG = "deeplabv3plus_r50-d8_4xb2-40k_cityscapes-769x769"
BASE = ModelConfig(ResNetConfig(), conventions=PYTORCH, output_stride=8)


def unpacked(shared, folder, name):
    path = folder / name
    path.write_bytes(lzma.decompress((shared / "cases/weights" / f"{name}.xz").read_bytes()))
    if path.suffix == ".tar":
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
        return folder / path.stem
    return path


def largest_difference(path, reference):
    """Relative to the standard deviation of the reference."""
    stored = np.load(reference)
    image = torch.from_numpy(stored["image"]).permute(2, 0, 1)[None]
    model = atrous.load(path).model
    with torch.inference_mode():
        if "coarse_logits" in stored:
            logits, expected = model(image)[0], torch.from_numpy(stored["coarse_logits"])
        else:
            logits, expected = model.logits(image)[0][:, ::4, ::4], torch.from_numpy(stored["logits"])
    if len(logits) == 2 and len(expected) == 1:
        assert not logits[0].any()
        logits = logits[1:]
    return float((logits - expected).abs().max() / expected.std())


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        (f"{MMSEG}.pth", MMSEG),
        ("smp_binary_1_class.pth", "smp_binary_1_class"),
        ("smp_default_encoder_resnet34.pth", "smp_default_encoder_resnet34"),
        ("ema_key.pth", "smp_mobilenet_3_classes"),
        ("model_and_model_ema.pth", "smp_mobilenet_3_classes"),
        ("smp_lightning_mean_std.ckpt", "smp_mobilenet_3_classes"),
        ("hf_sharded.tar", "hf_sharded"),
    ],
)
def test_logits_are_those_of_the_real_project(shared, tmp_path, name, reference):
    path = unpacked(shared, tmp_path, name)
    assert largest_difference(path, shared / "cases/weights" / f"{reference}.npz") < 1e-5


@pytest.mark.shared
def test_a_blurring_resnet_is_refused_by_its_name(shared, tmp_path):
    folder = unpacked(shared, tmp_path, "timm_resnetblur50.tar")
    with pytest.raises(InputError, match="resnetblur50 of timm is another network"):
        read_foreign(read_head(folder))


@pytest.mark.parametrize("name", ["resnetaa50", "resnet50d.ra2_in1k", "resnetblur101d", "seresnet50", "resnet50_gn"])
def test_other_resnets_of_timm_are_refused(name):
    with pytest.raises(InputError, match=f"{name} of timm"):
        check_resnet(name)


@pytest.mark.parametrize("name", ["", "resnet50", "resnet101.a1_in1k", "tv_resnet50", "gluon_resnet50", "resnet50c"])
def test_plain_resnets_of_timm_are_taken(name):
    check_resnet(name)


@pytest.mark.parametrize(
    "name", ["mobilenetv3_rw", "fbnetc_100.rmsp_in1k", "tf_mobilenetv3_large_minimal_100", "lcnet_050"]
)
def test_other_mobile_networks_of_timm_are_refused(name):
    with pytest.raises(InputError, match=f"{name} of timm is another network"):
        check_mobile_network(name)


def test_arguments_of_timm_that_change_the_network_are_refused():
    built = {"architecture": "resnet50", "model_args": {"num_classes": 7, "output_stride": 8, "act_layer": "silu"}}
    with pytest.raises(InputError, match=r"model_args of config\.json changes act_layer, output_stride, so that"):
        timm_settings(built)
    assert timm_settings({**built, "model_args": {"num_classes": 7}}).architecture == "resnet50"


@pytest.mark.parametrize("name", ["", "mobilenetv2_110d.ra_in1k", "tf_mobilenetv3_small_075", "mobilenetv3_large_100"])
def test_mobile_networks_of_the_papers_are_taken(name):
    check_mobile_network(name)


def config(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), head=(1, 12, 24, 36), extra="", align="True", **more):
    backbone = f"dict(strides={strides}, dilations={dilations}, contract_dilation=True{extra})"
    model = f"model = dict(backbone={backbone}, decode_head=dict(dilations={head}, align_corners={align}))"
    return "\n".join((model, *(f"{name} = {value}" for name, value in more.items())))


@pytest.mark.parametrize(
    ("text", "stride", "rates", "grid"),
    [
        (config(), 8, (6, 12, 18), (1, 1, 1)),
        (config((1, 2, 2, 1), (1, 1, 1, 2), (1, 6, 12, 18)), 16, (6, 12, 18), (1, 1, 1)),
        # Their (1, 2, 4) are the rates of the convolutions; the plan has (1, 2, 2) there.
        (config((1, 2, 2, 1), (1, 1, 1, 2), (1, 6, 12, 18), ", multi_grid=(1, 2, 4)"), 16, (6, 12, 18), (1, 1, 2)),
    ],
)
def test_strides_dilations_and_multi_grid_of_mmsegmentation(text, stride, rates, grid):
    stated = with_stated(BASE, text)
    assert stated.config.output_stride == stride
    assert stated.config.head.rates == rates
    assert stated.config.backbone.multi_grid == grid
    assert stated.config.compatibility.unstrided_rate == "before"
    assert stated.config.conventions.align_corners
    assert stated.assumed == ("scaling",)


def test_epsilons_of_mmsegmentation():
    text = config(extra=", norm_cfg=dict(type='SyncBN', eps=1e-3)", align="True, norm_cfg=dict(type='BN')")
    conventions = with_stated(BASE, text).config.conventions
    assert (conventions.backbone_epsilon, conventions.head_epsilon) == (1e-3, 1e-5)


def test_rates_of_units_are_those_of_the_configuration():
    """The planned rates of block4 are dilations of mmsegmentation's layer4: the first unit is contracted."""
    text = config((1, 2, 2, 1), (1, 1, 1, 2), (1, 6, 12, 18), ", multi_grid=(1, 2, 4)")
    with torch.device("meta"):
        model = atrous.build(with_stated(BASE, text).config)
    assert [unit.atrous.conv.dilation[0] for unit in model.backbone.units][-3:] == [1, 2, 4]


def test_scaling_of_both_versions_of_mmsegmentation():
    scaling = "dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], "
    new = with_stated(BASE, config(data_preprocessor=f"{scaling}bgr_to_rgb=True)"))
    before = with_stated(BASE, config(img_norm_cfg=f"{scaling}to_rgb=True)"))
    for stated in (new, before):
        assert stated.config.conventions.input_mean == (1.0, 2.0, 3.0)
        assert stated.config.conventions.input_std == (4.0, 5.0, 6.0)
        assert stated.assumed == ()
        assert not stated.reversed_channels
    for name in ("bgr_to_rgb", "rgb_to_bgr"):  # images are read with blue first; either reverses them
        assert not with_stated(BASE, config(data_preprocessor=f"{scaling}{name}=True)")).reversed_channels
    blue_first = with_stated(BASE, config(data_preprocessor=f"{scaling}bgr_to_rgb=False)"))
    assert blue_first.reversed_channels
    assert blue_first.config.conventions.input_mean == (3.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (config(extra=", style='other'"), "unknown style"),
        (config(dilations=(1, 1, 3, 4)), "are not built here"),
        (config(head=(1, 11, 24, 36)), "no counterpart at 16"),
        (config(extra=", multi_grid=(1, 2, 4)"), "has no counterpart here"),
        (config(align="'yes'"), "align_corners"),
        (config(extra=", type='mmseg.ResNeXt'"), "type is mmseg.ResNeXt, which is not built here"),
        (config(extra=", conv_cfg=dict(type='ConvWS')"), "conv_cfg is ConvWS"),
        (config(align="True, act_cfg=dict(type='LeakyReLU')"), "decode_head: act_cfg is LeakyReLU"),
        (config(extra=", norm_cfg=dict(type='BN', eps='small')"), "norm_cfg"),
        ("model = dict(backbone=[1], decode_head=dict())", "backbone is no dict"),
        ("model = (", "cannot be read"),
        ("x = " + "(" * 5000, "cannot be read"),
        ("x = 1\n" * 100_000, "more than any real one"),
    ],
)
def test_settings_without_a_counterpart_are_one_line(text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        with_stated(BASE, text)
    assert "\n" not in str(caught.value)


def test_units_of_caffe_stride_in_their_1x1_convolutions():
    """Features in float64 are those of a ResNet whose units see every second position of their input."""
    text = config((1, 2, 2, 2), (1, 1, 1, 1), (1, 6, 12, 18), ", style='caffe'").replace(
        "(1, 6, 12, 18)", "(1, 3, 6, 9)"
    )
    stated = with_stated(BASE, text).config
    assert stated.compatibility.strided_layer == "1x1"
    plain = Overrides(stride_in_1x1=False).applied(stated)
    assert plain.compatibility.strided_layer == "3x3"
    assert Overrides(stride_in_1x1=True).applied(plain) == stated
    backbone = randomize(build_backbone(stated))
    units = [unit for unit in backbone.units if unit.shortcut.stride == 2]
    assert [(unit.reduce.stride, unit.atrous.stride) for unit in units] == [(2, 1)] * 3
    x = uniform(1, 256, 9, 11)
    whole = torch.nn.functional.conv2d(x[:, :, ::2, ::2], units[0].reduce.conv.weight)
    torch.testing.assert_close(units[0].reduce.conv(x), whole, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="only ResNet-50, -101 and -152"):
        Overrides(stride_in_1x1=True).applied(ModelConfig(ResNetConfig(18)))


def test_a_configuration_is_read_and_never_run():
    text = (
        "import os\na = dict(x=-1.5, y=[1, (2, 3)], z={'k': None})\nb = os.system('false')\nc = open('x')\nd = a['x']\n"
    )
    assert read_python_config(text) == {
        "a": {"x": -1.5, "y": [1, (2, 3)], "z": {"k": None}},
        **dict.fromkeys("bcd"),
    }


def test_without_a_configuration_everything_is_assumed():
    names = ("output_stride", "rates", "multi_grid", "align_corners", "stride_in_1x1", "scaling")
    assert with_stated(BASE, "").assumed == names


def test_hyperparameters_are_read_from_dicts_and_namespaces_inside_each_other(tmp_path):
    inner = Namespace(model={"kwargs": {"decoder_atrous_rates": (6, 12, 18), "lr": 2.0}})
    for hyper_parameters in ({"cfg": inner, "lr": 1.0}, Namespace(cfg=inner, lr=1.0)):
        torch.save({"state_dict": {"w": torch.ones(3)}, "hyper_parameters": hyper_parameters}, tmp_path / "a.ckpt")
        with open_file(tmp_path / "a.ckpt") as contents:
            assert contents.settings["decoder_atrous_rates"] == (6, 12, 18)
            assert contents.settings["lr"] == 1.0  # the outer one


def test_hyperparameters_that_multiply_are_bounded(tmp_path):
    """Ten thousand references to one dict of ten thousand entries: a hundred million, of which few are looked at."""
    entries: dict = {}
    for _ in range(2):
        entries = {str(number): entries for number in range(10_000)}
    torch.save({"state_dict": {"w": torch.ones(3)}, "hyper_parameters": entries}, tmp_path / "a.ckpt")
    with open_file(tmp_path / "a.ckpt") as contents:
        assert len(contents.settings) == 10_000
