"""`atrous info --plot`: files, messages, and whose weights are measured."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.weights.archive import save
from fakes.lively_model import lively_archive

SMALL = ["deeplabv3_mobilenet_v2_aspp", "--depth-multiplier", "0.1", "--aspp-channels", "8", "--size", "65x97"]


def texts(path):
    return [element.text for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def complaint(capsys, *arguments):
    """The one line on standard error after bad input."""
    assert main(["info", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


def test_a_folder_gets_both_formats(tmp_path, capsys):
    assert main(["info", *SMALL, "--plot", str(tmp_path / "new" / "folder")]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""  # quick work shows no progress
    assert "receptive field 1067 pixels, image pooling left out" in printed.out
    paths = [tmp_path / "new" / "folder" / f"deeplabv3_mobilenet_v2_aspp{suffix}" for suffix in (".svg", ".png")]
    assert printed.out.splitlines()[-2:] == [f"drawn in {path}" for path in paths]
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)
    found = texts(paths[0])
    assert {"stem", "layer_18", "aspp3", "65×97"} <= {*found, *(text.partition(" ")[0] for text in found)}
    assert {"5×7", "1067", "6", "12", "18"} <= set(found)
    assert "Effective receptive field, fresh weights" in found
    with Image.open(paths[1]) as picture:
        assert picture.width == 1200


def test_a_file_and_json(tmp_path, capsys):
    path = tmp_path / "sheet.svg"
    assert main(["info", *SMALL, "--json", "--plot", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["plots"] == [str(path)]
    assert found["receptive_field"] == 491 + 2 * 18 * 16
    fields = {unit["name"]: unit["receptive_field"] for unit in found["units"]}
    assert (fields["stem"], fields["layer_18"], fields["image_pooling"]) == (3, 491, None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["sheet.svg"]


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ((), "weights of the file"),
        (("--output-stride", "8"), "weights of the file"),
        (("--rates", "2"), "fresh weights"),
    ],
)
def test_the_weights_of_a_file_where_they_fit(options, weights, tmp_path, capsys):
    archive = lively_archive()
    save(tmp_path / "[b]$x$.safetensors", archive.model, labels=archive.labels, provenance={})
    assert main(["info", str(tmp_path / "[b]$x$.safetensors"), "--size", "33", *options, "--plot", str(tmp_path)]) == 0
    capsys.readouterr()
    found = texts(tmp_path / "[b]$x$.svg")
    assert found.count(f"Effective receptive field, {weights}") == 1
    assert "[b]$x$.safetensors" in found


def test_bad_targets_are_told_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert complaint(capsys, *SMALL, "--plot", str(tmp_path / "sheet.pdf")) == (
        f"atrous info: cannot draw {tmp_path / 'sheet.pdf'}: it ends in neither .svg nor .png; "
        "give such a file, or a folder"
    )
    line = complaint(capsys, *SMALL, "--plot", str(tmp_path / "file" / "sheet.svg"))
    assert line.startswith(f"atrous info: cannot write {tmp_path / 'file' / 'sheet.svg'}: ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
