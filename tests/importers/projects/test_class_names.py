"""Classes that a user names beside a file that names none, or guesses some from their number."""

from dataclasses import replace

import pytest
import torch
from test_peers import drawn_state

import atrous
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.one_class import two_classes
from atrous.importers.projects.read import from_state_dict
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC, LabelSpace

OWN = ("background", *(f"kind {label}" for label in range(1, 21)))


def test_names_that_were_guessed_from_their_number_yield_to_those_of_the_user():
    """Of 21 rows nobody knows whether they are PASCAL VOC's: it was the number alone that said so."""
    source = from_state_dict(StateDict(drawn_state("torchvision_mobilenet_v3", "lraspp_large")))
    converted = convert(source, labels=LabelSpace(OWN))
    assert converted.labels.names == OWN
    assert not converted.fresh
    assert torch.equal(converted.model.state_dict()["classifier.weight"], source.state["classifier.weight"])
    assert converted.notes == (
        "nothing in the file names its rows; by the given classes they are background, kind 1, kind 2 ...",
    )
    assert "kind 1" in convert(replace(source, labels_stated=True), labels=LabelSpace(OWN)).fresh["classifier.weight"]


@pytest.mark.parametrize(("shared", "by_name"), [(1, False), (9, False), (10, True)])
def test_names_that_happen_to_be_among_the_suggested_ones_do_not_move_rows(shared, by_name):
    """VOC's names, last ones first, among 20 names of the user: rows move only where they are at least half of them."""
    names = ("background", *PASCAL_VOC.names[: -shared - 1 : -1], *OWN[shared + 1 :])
    source = from_state_dict(StateDict(drawn_state("torchvision_mobilenet_v3", "lraspp_large")))
    converted = convert(source, labels=LabelSpace(names))
    assert converted.labels.names == names
    assert bool(converted.fresh) == by_name
    assert bool(converted.notes) != by_name
    expected = {row: 21 - row if by_name and row else row for row in range(shared + 1 if by_name else 21)}
    for name in ("classifier.weight", "classifier.bias"):
        found = converted.model.state_dict()[name]
        assert all(torch.equal(found[row], source.state[name][theirs]) for row, theirs in expected.items())
    if by_name:
        assert converted.fresh["classifier.weight"].endswith(f": {', '.join(OWN[shared + 1 :])}")


def test_a_choice_of_the_suggested_names_in_another_order_moves_rows():
    source = from_state_dict(StateDict(drawn_state("torchvision_mobilenet_v3", "lraspp_large")))
    turned = convert(source, labels=LabelSpace(PASCAL_VOC.names[::-1]))
    assert torch.equal(turned.model.state_dict()["classifier.bias"], source.state["classifier.bias"].flip(0))
    chosen = convert(source, labels=LabelSpace(("background", "person", "car")))
    expected = source.state["classifier.bias"][[0, 15, 7]]  # VOC's classes 15 and 7
    assert torch.equal(chosen.model.state_dict()["classifier.bias"], expected)
    for converted in (turned, chosen):
        assert not converted.fresh
        assert not converted.notes


@pytest.mark.parametrize("classes", [("foreground", "crack"), ("crack", "foreground")])
def test_a_foreground_beside_another_class_of_a_sigmoid_is_asked_for_again(classes):
    source = sigmoid()
    with pytest.raises(InputError) as told:
        convert(source, labels=LabelSpace(classes))
    assert str(told.value) == (
        f"a network of one class (a sigmoid) has background and that class, not {' and '.join(classes)}; "
        "give the name of the class alone, such as --classes crack"
    )


def test_a_foreground_alone_keeps_its_background():
    found = convert(sigmoid(), labels=LabelSpace(("foreground",)))
    assert found.labels.names == ("background", "foreground")
    assert not found.fresh


def sigmoid():
    state = drawn_state("peer_smp", "smp_deeplabv3plus_mobilenet_v2")
    for kind in ("weight", "bias"):
        state[f"segmentation_head.0.{kind}"] = state[f"segmentation_head.0.{kind}"][:1]
    return two_classes(from_state_dict(StateDict(state)))


@pytest.mark.parametrize(
    ("classes", "names"),
    [(["crack"], ["background", "crack"]), (["background", "crack"], ["background", "crack"]),
     (["crack", "background"], ["crack", "background"]), (["sound", "crack"], ["sound", "crack"])],
)  # fmt: skip
def test_a_class_of_a_sigmoid_is_called_as_the_user_says(tmp_path, capsys, classes, names):
    state = drawn_state("peer_smp", "smp_deeplabv3plus_mobilenet_v2")
    kernel, bias = (state.pop(f"segmentation_head.0.{kind}")[:1] for kind in ("weight", "bias"))
    torch.save({**state, "segmentation_head.0.weight": kernel, "segmentation_head.0.bias": bias}, tmp_path / "a.pth")
    out = tmp_path / "a.safetensors"
    assert main(["convert", str(tmp_path / "a.pth"), str(out), "--classes", *classes]) == 0
    printed = capsys.readouterr().out
    assert "fresh" not in printed
    assert "nothing in the file names its rows" in printed
    found = atrous.load(out)
    assert list(found.labels.names) == names
    row = names.index("crack")
    assert torch.equal(found.model.classifier.weight[row], kernel[0])
    assert torch.equal(found.model.classifier.bias[row], bias[0])
    assert not found.model.classifier.weight[1 - row].any()
    assert not found.model.classifier.bias[1 - row].any()
