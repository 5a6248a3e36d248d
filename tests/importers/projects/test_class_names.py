"""Classes that a user names beside a file that names none, or guesses some from their number."""

from dataclasses import replace

import pytest
import torch
from test_peers import drawn_state

import atrous
from atrous.cli.main import main
from atrous.importers.convert import convert
from atrous.importers.projects.read import from_state_dict
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import LabelSpace

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
    mixed = ("background", "dog", *OWN[2:])  # VOC's dog is one of them: rows are copied by name
    assert "kind 2" in convert(source, labels=LabelSpace(mixed)).fresh["classifier.weight"]


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
