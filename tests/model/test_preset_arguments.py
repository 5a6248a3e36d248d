"""Arguments of other libraries are answered with ours; every preset says what images it takes."""

import pytest

import atrous
from atrous.model.presets import PRESETS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 19}, "deeplabv3_mobilenet_v2() has no num_classes=; write classes=19"),
        ({"in_chans": 4}, "has no in_chans=; write in_channels=4"),
        ({"os": 8}, "has no os=; write output_stride=8"),
        ({"pretrained": True}, "has no pretrained=: its weights are fresh; atrous.load(NAME).model is a trained one"),
        ({"weights": "DEFAULT"}, "has no weights=: its weights are fresh"),
        ({"output_strid": 8}, "has no output_strid=; did you mean 'output_stride'?"),
        ({"aux_loss": True}, "has no aux_loss=; known: classes, output_stride, in_channels"),
    ],
)
def test_arguments_of_other_libraries_get_a_hint(arguments, message):
    with pytest.raises(TypeError) as found:
        atrous.deeplabv3_mobilenet_v2(**arguments)
    assert message in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("classes", [["road", "car"], "3", 2.5])
def test_classes_are_a_number(classes):
    with pytest.raises(atrous.InputError, match="give the number of classes; names belong to the labels of"):
        atrous.deeplabv3_mobilenet_v2(classes=classes)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_says_what_it_takes_and_gives(name):
    text = " ".join(getattr(atrous, name).__doc__.split())
    assert "RGB images (not BGR) [b, in_channels, h, w] of values 0..255, uint8 or float" in text
    assert "a tensor and no dictionary" in text
