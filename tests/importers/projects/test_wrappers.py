"""Networks inside what training tools write: every wrapper gives the tensors of the plain file."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import atrous
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.export_weights import to_torchvision
from atrous.importers.file_head import read_head
from atrous.importers.overrides import Overrides
from atrous.importers.readers import read_foreign
from atrous.weights.backbone import read_backbone
from reference.weights import randomize


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = randomize(atrous.lraspp_mobilenet_v3()).float().eval()
    torch.nn.init.zeros_(model.aspp.gate.bias)  # torchvision's gate has none
    return model


@pytest.fixture(scope="module")
def state(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.safetensors"
    to_torchvision(path, model)
    return load_file(path)


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def plus_one(state):
    return {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in state.items()}


WRAPPERS = {
    "plain": lambda sd: sd,
    "lightning with mean 0 and std 1": lambda sd: {
        "state_dict": {"mean": torch.zeros(1, 3, 1, 1), "std": torch.ones(1, 3, 1, 1), **prefixed(sd, "model.")},
        "epoch": 1,
    },
    "a loss with weights": lambda sd: {"state_dict": {**prefixed(sd, "model."), "criterion.weight": torch.ones(21)}},
    "a metric": lambda sd: {"state_dict": {**prefixed(sd, "net."), "val_iou.confmat": torch.ones(21, 21)}},
    "an average, and the plain ones beside it": lambda sd: {
        "state_dict": {**prefixed(plus_one(sd), "model."), **prefixed(sd, "ema_model.module."),
                       "ema_model.n_averaged": torch.tensor(5)}
    },
    "two state dicts": lambda sd: {
        "model": plus_one(sd), "model_ema": {"n_averaged": torch.tensor(9), **prefixed(sd, "module.")}
    },
    "timm's average": lambda sd: {"state_dict": plus_one(sd), "state_dict_ema": sd, "epoch": 3},
    "AveragedModel": lambda sd: {"n_averaged": torch.tensor(10), **prefixed(sd, "module.")},
    "an average alone": lambda sd: {"epoch": 2, "model_ema": prefixed(sd, "module.")},
    "an unusual key": lambda sd: {"epoch": 2, "ema": sd},
    "DeepSpeed": lambda sd: {
        "module": sd, "ds_version": "0.14", "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}
    },
    "an attribute": lambda sd: prefixed(sd, "deeplab."),
    "FSDP": lambda sd: prefixed(sd, "_fsdp_wrapped_module."),
    "FSDP and torch.compile inside": lambda sd: {
        name.replace("backbone.", "backbone._orig_mod._fsdp_wrapped_module."): tensor for name, tensor in sd.items()
    },
    "nested": lambda sd: {"model": {"state_dict": sd}},
    "in a list": lambda sd: {"stages": [{"weights": sd}]},
    "MMEngine's average, which is the state dict itself": lambda sd: {
        "meta": {"mmengine_version": "0.10.7"}, "message_hub": {}, "state_dict": sd,
        "ema_state_dict": {"steps": torch.tensor(9), **prefixed(plus_one(sd), "module.")},
    },
    "MMCV's average under flat names": lambda sd: {
        **sd, **{f"ema_{name.replace('.', '_')}": tensor for name, tensor in plus_one(sd).items()}
    },
    "five parts before the names": lambda sd: {"state_dict": prefixed(sd, "task.student.model.net.module.")},
    "pruned": lambda sd: {
        **{name: tensor for name, tensor in sd.items() if name != "classifier.cbr.0.weight"},
        "classifier.cbr.0.weight_orig": sd["classifier.cbr.0.weight"],
        "classifier.cbr.0.weight_mask": torch.ones_like(sd["classifier.cbr.0.weight"]),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_tensor_is_found_in_its_wrapper(tmp_path, model, state, name):
    torch.save(WRAPPERS[name](state), tmp_path / "a.pth")
    converted = convert(read_foreign(read_head(tmp_path / "a.pth")))
    assert len(converted.mapped) == 320
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, converted.model.state_dict()[key]), key


def test_a_mask_of_pruning_is_multiplied_in(tmp_path, state):
    name = "classifier.cbr.0.weight"
    mask = (torch.rand(state[name].shape) > 0.5).float()
    rest = {key: tensor for key, tensor in state.items() if key != name}
    torch.save({**rest, f"{name}_orig": state[name], f"{name}_mask": mask}, tmp_path / "a.pth")
    read = convert(read_foreign(read_head(tmp_path / "a.pth"))).model.aspp.features.conv.weight
    assert torch.equal(read, state[name] * mask)


KERNEL, VARIANCE = "backbone.0.0.weight", "backbone.0.1.running_var"

UNFIT = {
    "numbers of 8 bits": (
        lambda sd: {**sd, KERNEL: sd[KERNEL].to(torch.float8_e4m3fn)},
        r"backbone\.0\.0\.weight is no plain tensor, but quantised, sparse or of 8 bits",
    ),
    "negative variances": (
        lambda sd: {**sd, VARIANCE: -sd[VARIANCE]},
        r"backbone\.stem\.norm\.running_var holds variances below 0; the file is damaged",
    ),
    "a sparse tensor": (
        lambda sd: {**sd, KERNEL: sd[KERNEL].to_sparse()},
        r"backbone\.0\.0\.weight is no plain tensor, but quantised, sparse or of 8 bits; save it as float32",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_numbers_that_are_no_weights_are_named(tmp_path, state, name):
    spoilt, message = UNFIT[name]
    torch.save(spoilt(state), tmp_path / "a.pth")
    with pytest.raises(InputError, match=message):
        convert(read_foreign(read_head(tmp_path / "a.pth")))


def test_numbers_of_8_bits_have_no_scale(tmp_path, state):
    save_file({**state, KERNEL: state[KERNEL].to(torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"backbone\.stem\.conv\.weight holds float8_e4m3fn numbers, whose scale"):
        convert(read_foreign(read_head(tmp_path / "a.safetensors")))


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_whole_numbers_are_no_kernels(tmp_path, state, kind):
    """Kernels that were quantised by hand: what they were multiplied by lies nowhere."""
    save_file({**state, KERNEL: (state[KERNEL] * 50).to(kind)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=rf"backbone\.stem\.conv\.weight holds {str(kind)[6:]} numbers, whose scale"):
        convert(read_foreign(read_head(tmp_path / "a.safetensors")))


SPOILT = {
    "whole": (lambda kernel: (kernel * 50).to(torch.int8), "holds int8 numbers, whose scale nothing states"),
    "not finite": (
        lambda kernel: kernel * float("nan"),
        "holds values that are no finite numbers, .* give an earlier checkpoint",
    ),
    "beyond float32": (
        lambda kernel: kernel.double() * 1e300,
        r"holds values beyond those of float32 \(up to 3\.4e38\), in which layers compute; the file is damaged",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_backbone_is_checked_as_a_model_is(tmp_path, state, name):
    spoil, message = SPOILT[name]
    torch.save({**state, KERNEL: spoil(state[KERNEL])}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"a\.pth: backbone\.stem\.conv\.weight {message}"):
        read_backbone(tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"a\.pth: backbone\.stem\.conv\.weight {message}"):
        atrous.load(tmp_path / "a.pth")


def test_averaged_weights_are_told_and_a_key_takes_the_others(tmp_path, state):
    torch.save({"model": state, "model_ema": prefixed(plus_one(state), "module.")}, tmp_path / "a.pth")
    network = read_foreign(read_head(tmp_path / "a.pth"))
    assert network.notes == ("the averaged weights model_ema.module were taken; --key takes others: model",)
    name = "backbone.stem.conv.weight"
    plain = read_foreign(read_head(tmp_path / "a.pth"), Overrides(key="model"))
    assert torch.equal(network.state[name], plain.state[name] + 1)
    with pytest.raises(InputError, match=r"no network under the key 'none'; there are: model, model_ema\.module"):
        read_foreign(read_head(tmp_path / "a.pth"), Overrides(key="none"))


@pytest.mark.parametrize("key", ["ema", "ema_state_dict.shadow"])
def test_an_average_of_parameters_alone_has_the_statistics_of_the_model(tmp_path, state, key):
    """As training loops evaluate it: parameters are put into the model, whose buffers stay."""
    buffers = {name: tensor for name, tensor in state.items() if "running_" in name or "num_batches" in name}
    averaged = {name: tensor for name, tensor in plus_one(state).items() if name not in buffers}
    outer, _, inner = key.partition(".")
    torch.save({"model": state, outer: {inner: averaged} if inner else averaged}, tmp_path / "a.pth")
    torch.save({**averaged, **buffers}, tmp_path / "expected.pth")
    network, expected = (read_foreign(read_head(tmp_path / name)) for name in ("a.pth", "expected.pth"))
    assert network.state.keys() == expected.state.keys()
    assert all(torch.equal(tensor, network.state[name]) for name, tensor in expected.state.items())
    assert f"the statistics of batch norms, which {key} lacks, are those of model" in network.notes
    torch.save({outer: averaged}, tmp_path / "alone.pth")
    with pytest.raises(InputError, match="is missing"):
        read_foreign(read_head(tmp_path / "alone.pth"))


def test_the_command_line_tells_the_choice_and_takes_a_key(tmp_path, capsys, state):
    torch.save({"model": state, "model_ema": plus_one(state)}, tmp_path / "a.pth")
    assert main(["convert", str(tmp_path / "a.pth"), str(tmp_path / "a.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "assumed  output stride 16, mean 123.675 116.28 103.53" in out
    assert "note     the averaged weights model_ema were taken" in out
    assert main(["convert", str(tmp_path / "a.pth"), str(tmp_path / "b.safetensors"), "--key", "model"]) == 0
    ours = [atrous.load(tmp_path / f"{name}.safetensors").model.classifier.bias for name in "ab"]
    torch.testing.assert_close(ours[0], ours[1] + 1)
    provenance = atrous.load(tmp_path / "a.safetensors").provenance
    assert provenance["assumed"].startswith("output stride 16")
    assert "averaged" in provenance["notes"][0]


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 255.0), (255.0, 255.0)])
def test_buffers_beside_the_network_are_its_scaling(tmp_path, state, scale, expected):
    mean, std = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1)
    buffers = {"mean": scale * mean, "std": scale * std}
    torch.save({"state_dict": {**buffers, **prefixed(state, "model.")}}, tmp_path / "a.pth")
    found = atrous.load(tmp_path / "a.pth")
    assert found.model.config.conventions.input_mean == pytest.approx(tuple(expected * x for x in (0.5, 0.4, 0.3)))
    assert found.model.config.conventions.input_std == pytest.approx(tuple(expected * x for x in (0.2, 0.25, 0.3)))
    assert "buffers beside the network" in found.provenance["notes"][0]
    assert "mean" not in found.provenance["assumed"]
    stated = atrous.load(tmp_path / "a.pth", mean=(0.0,), std=(1.0,)).model.config.conventions
    assert (stated.input_mean, stated.input_std) == ((0.0,), (255.0,))


def test_shards_are_read_by_their_index(tmp_path, model, state):
    names = sorted(state)
    for number, part in enumerate((names[:100], names[100:]), 1):
        save_file({name: state[name] for name in part}, tmp_path / f"model-0000{number}-of-00002.safetensors")
    places = {name: f"model-0000{1 + (position >= 100)}-of-00002.safetensors" for position, name in enumerate(names)}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    for source in (tmp_path, index):
        assert torch.equal(atrous.load(source).model.classifier.weight, model.classifier.weight)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-00002-of-00002\.safetensors, which .* lists, is missing"):
        atrous.load(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    with pytest.raises(InputError, match="lists no files of weights beside it"):
        atrous.load(tmp_path)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channel_counts_are_scaled_to_one_where_nothing_states_it(tmp_path, state, channels):
    stem = "backbone.0.0.weight"
    torch.save({**state, stem: torch.randn(16, channels, 3, 3)}, tmp_path / "a.pth")
    found = atrous.load(tmp_path / "a.pth")
    assert found.model.config.in_channels == channels
    assert found.model.config.conventions.input_scaling(channels) == ((0.0,) * channels, (255.0,) * channels)
    assert "mean 0 and std 255" in found.provenance["assumed"]
    stated = atrous.load(tmp_path / "a.pth", mean=(0.1,) * channels, std=(0.2,) * channels).model
    pixels = torch.full((1, channels, 1, 1), 51.0)
    torch.testing.assert_close(stated.preprocess(pixels, output_stride=16), torch.full_like(pixels, 0.5))


def test_a_network_is_built_in_its_own_dtype_device_and_outside_of_inference_mode(tmp_path, state):
    torch.save(state, tmp_path / "a.pth")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.device("meta"):
            model = atrous.load(tmp_path / "a.pth").model
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    tensors = [*model.parameters(), *model.buffers()]
    assert not any(tensor.is_inference() or tensor.is_meta for tensor in tensors)
    assert {tensor.dtype for tensor in tensors} == {torch.float32, torch.int64}


def test_whatever_lies_beside_the_tensors_is_listed(state, tmp_path):
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    np.savez(tmp_path / "arrays.npz", **arrays, classes=np.array(["sky", "road"]))
    torch.save({**state, "epoch": 3}, tmp_path / "plain.pth")
    for file, name in (("arrays.npz", "classes"), ("plain.pth", "epoch")):
        skipped = read_foreign(read_head(tmp_path / file)).skipped
        assert skipped == {name: "no tensor of the network"}
