"""What a `config.json` beside weights says: taken where it makes sense, otherwise one line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation

from atrous.errors import InputError
from atrous.importers.projects.read import read_torch
from atrous.model.conventions import PYTORCH

REFERENCE = Path(__file__).parents[2] / "reference"

ODD = {
    "infinite": "1e999",
    "no number": "NaN",
    "below all": "-Infinity",
    "text": '"3"',
    "null": "null",
    "list": "[]",
    "object": "{}",
    "truth": "true",
    "negative": "-5",
    "huge": "1" + 400 * "0",
    "longest": 4300 * "9",  # the last that Python reads
    "longer": 4301 * "9",
    "nested": 900 * "[" + 900 * "]",
}
"""Texts in place of a number."""

PLACES = {
    "hugging_face": ['{"depth_multiplier": X}', '{"layer_norm_eps": X}', '{"output_stride": X}'],
    "smp": [
        '{"encoder_output_stride": X}',
        '{"decoder_atrous_rates": X}',
        '{"decoder_atrous_rates": [12, X, 36]}',
        '{"encoder_output_stride": X, "decoder_atrous_rates": [X]}',
    ],
    "timm": [
        '{"pretrained_cfg": {"mean": X, "std": [0.5, 0.5, 0.5]}}',
        '{"pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": X}}',
        '{"pretrained_cfg": {"mean": [X, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}',
        '{"pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, X]}}',
    ],
}


def shapes_of(project, name):
    with safe_open(REFERENCE / f"peer_{project}.safetensors", "pt") as file:
        return json.loads(file.metadata()["shapes"])[name]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder for each project, with a network whose numbers nobody looks at."""
    with torch.device("meta"):
        theirs = MobileNetV2ForSemanticSegmentation(MobileNetV2Config(depth_multiplier=0.35, num_labels=4))
    shapes = {
        "hugging_face": {name: tensor.shape for name, tensor in theirs.state_dict().items()},
        "smp": shapes_of("smp", "smp_deeplabv3plus_mobilenet_v2"),
        "timm": shapes_of("timm", "timm_mobilenetv2_050"),
    }
    folders = {project: tmp_path_factory.mktemp(project) for project in shapes}
    for project, folder in folders.items():
        tensors = {name: torch.zeros(shape) for name, shape in shapes[project].items()}
        save_file(tensors, folder / "model.safetensors")
    return folders


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("project", "place"), [(project, place) for project in PLACES for place in PLACES[project]])
def test_odd_numbers_are_one_line_that_names_the_file(folders, project, place, odd):
    (folders[project] / "config.json").write_text(place.replace("X", ODD[odd]))
    with pytest.raises(InputError) as error:
        read_torch(folders[project])
    line = str(error.value)
    assert line.startswith(f"{folders[project]}: ")
    assert "\n" not in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("project", "settings"),
    [
        ("hugging_face", {"tf_padding": 1}),
        ("hugging_face", {"hidden_act": None}),
        ("timm", {"architecture": 5}),
        ("timm", {"pretrained_cfg": []}),
        ("timm", {"pretrained_cfg": {"mean": [0.5, 0.5, 0.5]}}),  # and no deviation
        ("smp", {"encoder_output_stride": 12}),
        ("smp", {"decoder_atrous_rates": [3]}),  # of three branches, and not whole at 16
    ],
)
def test_other_settings_that_make_no_sense(folders, project, settings):
    (folders[project] / "config.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match=str(folders[project])):
        read_torch(folders[project])


def test_settings_that_make_sense_are_taken(folders):
    for project, settings in (
        ("hugging_face", {"depth_multiplier": 0.35, "layer_norm_eps": 1, "output_stride": 8, "tf_padding": False}),
        ("smp", {"encoder_output_stride": 8, "decoder_atrous_rates": [12, 24, 48], "classes": None}),
        ("timm", {"pretrained_cfg": {"mean": [0, 0.5, 1], "std": [1, 0.25, 0.125], "crop_pct": 1e999}}),
    ):
        (folders[project] / "config.json").write_text(json.dumps(settings))
    found = {project: read_torch(folder).config for project, folder in folders.items()}
    conventions = found["hugging_face"].conventions
    assert (conventions.backbone_epsilon, conventions.conv_padding) == (1.0, "symmetric")
    assert found["hugging_face"].output_stride == found["smp"].output_stride == 8
    assert found["smp"].head.rates == (6, 12, 24)  # half of theirs, which are said for output stride 8
    expected = replace(
        PYTORCH, pool_padding="symmetric", input_mean=(0.0, 127.5, 255.0), input_std=(255.0, 63.75, 31.875)
    )
    assert found["timm"].conventions == expected
