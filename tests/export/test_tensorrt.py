"""Profiles of TensorRT, against shapes written by hand."""

import shlex

import pytest
from PIL import Image

from atrous.cli import export as verb
from atrous.data.formats.image_names import image_files
from atrous.data.formats.images import upright_size
from atrous.errors import InputError
from atrous.export.tensorrt import profile_sizes, trtexec_arguments, write_tensorrt
from atrous.inference.engines.description import ExportDescription
from atrous.labels import LabelSpace


def description(layout="nhwc", channels=3):
    return ExportDescription(LabelSpace.unnamed(3), "labels", layout, "float32", in_channels=channels, output_stride=16)


@pytest.mark.parametrize(
    ("sizes", "profile"),
    [
        ([(2, 9), (5, 4), (2, 9)], ((2, 4), (2, 9), (5, 9))),
        ([(3, 3), (6, 2), (2, 6)], ((2, 2), (6, 2), (6, 6))),  # equally frequent: most pixels, then the higher
        ([(7, 8)], ((7, 8), (7, 8), (7, 8))),
    ],
)
def test_profiles_are_those_counted_by_hand(sizes, profile):
    assert profile_sizes(sizes) == profile


@pytest.mark.parametrize(
    ("layout", "channels", "shapes"),
    [
        ("nhwc", 3, ("1x480x640x3", "1x480x640x3", "8x1080x1920x3")),
        ("nchw", 4, ("1x4x480x640", "1x4x480x640", "8x4x1080x1920")),
    ],
)
def test_shapes_follow_the_layout(layout, channels, shapes):
    sizes = [(480, 640), (480, 640), (1080, 1920)]
    assert trtexec_arguments("street.onnx", sizes, description=description(layout, channels)) == [
        "--onnx=street.onnx",
        *(f"--{name}Shapes=image:{shape}" for name, shape in zip(("min", "opt", "max"), shapes, strict=True)),
        "--saveEngine=street.plan",
    ]


def test_the_command_holds_the_sizes_of_the_pictures_as_people_see_them(tmp_path):
    """A turned photograph counts with its height and width exchanged; names with spaces stay one word of the shell."""
    Image.new("RGB", (30, 20)).save(tmp_path / "plain.png")
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (50, 10)).save(tmp_path / "turned.jpg", exif=exif)
    sizes = [upright_size(path) for path in image_files([tmp_path])]
    written = write_tensorrt(tmp_path / "my street.onnx", sizes, description=description())
    assert written.name == "my street.onnx.trtexec.sh"
    assert shlex.split(written.read_text()) == [
        "trtexec",
        "--onnx=my street.onnx",
        "--minShapes=image:1x20x10x3",
        "--optShapes=image:1x20x30x3",
        "--maxShapes=image:8x50x30x3",
        "--saveEngine=my street.plan",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "m.xml"], "--tensorrt is for ONNX files; give --out m.onnx"),
        (["--out", "m", "--format", "web"], "--tensorrt is for ONNX files; leave it or --format web out"),
        (["--out", "m.onnx"], "no pictures"),
    ],
)
def test_other_formats_and_empty_folders_are_one_line(tmp_path, options, said):
    with pytest.raises(InputError) as refused:
        verb.main(["weights.safetensors", *options, "--tensorrt", str(tmp_path)])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_sizes_are_one_line():
    with pytest.raises(InputError, match="needs the size of one picture"):
        profile_sizes([])
