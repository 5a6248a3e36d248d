"""Checkpoints that hold no network that is built here: each is named as what it is, with what to give instead."""

import pickle
import re

import numpy as np
import pytest
import torch
from test_peers import drawn_state

import atrous
from atrous.errors import InputError
from atrous.importers.file_head import read_head
from atrous.importers.projects.read import from_state_dict
from atrous.importers.projects.refused import unknown
from atrous.importers.pytorch.state_dict import StateDict
from atrous.importers.readers import read_foreign

RESNETS = {
    "in groups": (lambda kernel: kernel[:, : kernel.shape[1] // 2], "whose convolutions have groups, such as ResNeXt"),
    "wide": (lambda kernel: kernel.repeat(2, 2, 1, 1), "whose third block has 512 channels inside its units, not 256"),
}


@pytest.mark.parametrize("name", RESNETS)
def test_resnets_of_other_kernels_are_named(name):
    change, message = RESNETS[name]
    state = drawn_state("peer_vainf", "vainf_deeplabv3plus_resnet50")
    inner = [key for key in state if re.search(r"backbone\.layer3\.\d+\.conv[12]\.weight", key)]
    if name == "in groups":
        inner = [key for key in inner if "conv2" in key]
    with pytest.raises(InputError, match=message):
        from_state_dict(StateDict({**state, **{key: change(state[key]) for key in inner}}))


def test_a_head_alone_is_no_network():
    state = drawn_state("torchvision_mobilenet_v3", "deeplabv3_large")
    head = {name: tensor for name, tensor in state.items() if name.startswith("classifier.")}
    with pytest.raises(InputError, match="tensors of a head without those of its backbone"):
        from_state_dict(StateDict(head))


NO_NETWORK = {
    "an optimizer": lambda: {"epoch": 3, "optimizer": trained_optimizer().state_dict()},
    "an optimizer alone": lambda: trained_optimizer().state_dict(),
    "a list": lambda: [torch.ones(3), torch.ones(2)],
    "an array": lambda: [np.ones(3)],
    "expanded": lambda: {"features.17.conv.0.0.weight": torch.ones(1, 1, 3, 3).expand(4, 3, 3, 3)},
    "on meta": lambda: {"features.17.conv.0.0.weight": torch.ones(3, device="meta")},
}
SAID = {
    "an optimizer": "the state of an optimizer without a network",
    "an optimizer alone": "the state of an optimizer without a network",
    "a list": "tensors without their names; save model.state_dict",
    "an array": "tensors without their names; save model.state_dict",
    "expanded": r"does not fit its storage of 9 numbers, because it repeats them, .* save clones",
    "on meta": r"features\.17\.conv\.0\.0\.weight was saved on the device meta, without its values",
}


OPTIMIZERS = {
    "Adagrad": torch.optim.Adagrad,
    "Adadelta": torch.optim.Adadelta,
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_told_by_what_they_keep_for_each_parameter(tmp_path, name):
    torch.save(trained_optimizer(OPTIMIZERS[name]).state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: the state of an optimizer without a network"):
        read_foreign(read_head(tmp_path / "a.pth"))


@pytest.mark.parametrize("name", ["step", "sum", "layer_mask"])
def test_a_counter_or_a_mask_is_no_optimizer(tmp_path, name):
    """A mask of pruning without its kernel leaves no name at all."""
    torch.save({name: torch.tensor(3)}, tmp_path / "a.pth")
    with pytest.raises(InputError) as told:
        read_foreign(read_head(tmp_path / "a.pth"))
    assert str(told.value) == f"{tmp_path / 'a.pth'}: {unknown([name])}"


def trained_optimizer(make=None):
    layer = torch.nn.Linear(3, 2)
    optimizer = make(layer.parameters()) if make else torch.optim.AdamW(layer.parameters(), amsgrad=True)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("name", NO_NETWORK)
def test_what_holds_no_network_is_said_as_what_it_is(tmp_path, name):
    torch.save(NO_NETWORK[name](), tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"a\.pth: .*{SAID[name]}"):
        read_foreign(read_head(tmp_path / "a.pth"))


def test_tensors_that_pickle_wrote_by_itself_are_asked_for_again(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"features.17.conv.0.0.weight": torch.ones(3)}))
    with pytest.raises(InputError, match=r"as pickle\.dump and joblib write .* torch\.save\(model\.state_dict\(\)"):
        read_foreign(read_head(tmp_path / "a.pkl"))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_frozen_program_is_named(tmp_path):
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1)).eval()
    torch.jit.freeze(torch.jit.trace(layer, torch.ones(1, 3, 4, 4))).save(tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a program of TorchScript without named tensors, as torch\.jit\.freeze"):
        read_foreign(read_head(tmp_path / "a.pt"))


def test_a_backbone_beside_an_unknown_head_says_so(tmp_path):
    """As torchvision's FCN and SMP's U-Net: what is known of them is good for a backbone."""
    state = drawn_state("peer_vainf", "vainf_deeplabv3plus_resnet50")
    encoder = {name.replace("backbone.", "encoder."): each for name, each in state.items() if name[:9] == "backbone."}
    torch.save({**encoder, "decoder.blocks.0.conv1.0.weight": torch.rand(3, 3, 1, 1)}, tmp_path / "a.pth")
    message = r"ResNet-50 \(torchvision, timm\) beside a head of no project that is known here segments nothing; use it"
    with pytest.raises(InputError, match=message):
        atrous.load(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("file", "network", "name"),
    [
        ("peer_vainf", "vainf_deeplabv3plus_resnet50", "classifier.aspp.convs.2.0.weight"),
        ("peer_jfzhang95", "jfzhang95_resnet101", "aspp.aspp3.atrous_conv.weight"),
        ("peer_smp", "smp_deeplabv3plus_mobilenet_v2", "decoder.aspp.0.convs.1.0.1.weight"),
        ("peer_mmsegmentation", "mmsegmentation_deeplabv3plus_r50", "decode_head.aspp_modules.0.conv.weight"),
        ("peer_detectron2", "detectron2_deeplab_v3_plus_r50", "sem_seg_head.decoder.res5.project_conv.convs.2.weight"),
        ("torchvision_deeplabv3", "resnet50", "backbone.layer2.1.conv3.weight"),
        ("torchvision_mobilenet_v3", "deeplabv3_large", "backbone.5.block.0.0.weight"),
    ],
)
def test_a_missing_and_a_bent_tensor_have_the_names_of_the_file(file, network, name):
    state = drawn_state(file, network)
    without = {key: tensor for key, tensor in state.items() if key != name}
    with pytest.raises(InputError, match=rf"is missing \(in the file {re.escape(name)}\)"):
        from_state_dict(StateDict(without))
    with pytest.raises(InputError, match=rf"where the network has .* \(in the file {re.escape(name)}\)"):
        from_state_dict(StateDict({**state, name: state[name][:, :1]}))
