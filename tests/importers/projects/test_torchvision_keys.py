import pytest

from atrous.errors import InputError
from atrous.importers.projects.torchvision_keys import our_key


@pytest.mark.parametrize(
    ("depth", "theirs", "ours"),
    [
        (50, "backbone.bn1.running_var", "backbone.stem.norm.running_var"),
        (50, "backbone.layer3.0.downsample.0.weight", "backbone.units.7.shortcut.conv.weight"),
        (101, "backbone.layer4.2.conv3.weight", "backbone.units.32.restore.conv.weight"),
        (101, "classifier.0.convs.4.2.bias", "aspp.branches.image_pooling.project.norm.bias"),
        (50, "classifier.4.bias", "classifier.bias"),
        (50, "aux_classifier.0.weight", None),
    ],
)
def test_names(depth, theirs, ours):
    assert our_key(theirs, depth=depth) == ours


@pytest.mark.parametrize(
    "name",
    [
        "backbone.layer3.6.conv1.weight",  # a unit that only ResNet-101 has
        "backbone.layer3.05.conv1.weight",  # would be a second layer3.5
        "backbone.layer5.0.conv1.weight",
        "backbone.layer1.0.conv4.weight",
        "backbone.layer1.0.weight",
        "classifier.0.convs.5.0.weight",
        "classifier",
        "",
        "x" * 1000,
    ],
)
def test_unknown_names_are_refused(name):
    with pytest.raises(InputError, match="is no tensor of torchvision's DeepLabv3 with ResNet-50") as error:
        our_key(name, depth=50)
    assert len(str(error.value)) < 200
