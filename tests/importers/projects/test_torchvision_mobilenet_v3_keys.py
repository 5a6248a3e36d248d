import pytest
import torch

from atrous.errors import InputError
from atrous.importers.projects.torchvision_mobilenet_v3_keys import from_torchvision, our_key


@pytest.mark.parametrize(
    ("variant", "theirs", "ours"),
    [
        ("large", "backbone.0.1.running_var", "backbone.stem.norm.running_var"),
        ("large", "backbone.16.0.weight", "backbone.last.conv.weight"),
        ("small", "backbone.12.0.weight", "backbone.last.conv.weight"),
        ("large", "backbone.1.block.0.0.weight", "backbone.units.0.depthwise.conv.weight"),
        ("small", "backbone.1.block.1.fc1.bias", "backbone.units.0.gate.squeeze.bias"),
        ("large", "backbone.4.block.2.fc2.weight", "backbone.units.3.gate.excite.weight"),
        ("large", "backbone.7.block.2.1.bias", "backbone.units.6.project.norm.bias"),
        ("large", "classifier.0.convs.4.2.bias", "aspp.branches.image_pooling.project.norm.bias"),
        ("large", "classifier.low_classifier.bias", "middle_classifier.bias"),
        ("large", "aux_classifier.0.weight", None),
    ],
)
def test_names(variant, theirs, ours):
    assert our_key(theirs, variant=variant) == ours


@pytest.mark.parametrize("name", ["backbone.17.0.weight", "backbone.7.block.2.fc1.weight", "classifier", "", "x" * 999])
def test_unknown_names_are_refused(name):
    with pytest.raises(InputError, match="is no tensor of torchvision's models with MobileNetV3 large") as error:
        our_key(name, variant="large")
    assert len(str(error.value)) < 200


def test_a_gate_without_bias_gets_zeros():
    state, _ = from_torchvision({"classifier.scale.1.weight": torch.ones(3, 5, 1, 1)})
    assert state["aspp.gate.bias"].tolist() == [0, 0, 0]
