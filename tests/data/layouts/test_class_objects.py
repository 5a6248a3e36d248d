"""Names of classes from JSON objects, tables of colours, and rows of a number and a name."""

import json

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.data.layouts.class_objects import color_of, listed_objects
from fakes.layouts import COLORS, NAMES, picture, truth

CLASSES = ("water", "road", "roof")
HEX = ["#{:02x}{:02x}{:02x}".format(*color) for color in COLORS]


def written(folder, *, colors=COLORS):
    """Pictures and masks of colours, or of numbers where there are no colours."""
    for name in NAMES:
        for place in ("images", "masks"):
            (folder / place).mkdir(exist_ok=True)
        picture(name).save(folder / "images" / f"{name}.png")
        labels = truth(name)
        mask = np.array(colors, np.uint8)[labels] if colors else labels.astype(np.uint8)
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    return folder


def names_of_pixels(data):
    """Name of the class of every pixel of every mask."""
    return [np.array(data.labels.names)[data[index].labels] for index in range(len(data))]


def expected(names):
    return [np.array(CLASSES)[truth(name)] for name in names]


def supervisely():
    return {"tags": [], "classes": [{"title": name, "shape": "bitmap", "color": color.upper(), "id": 9000 - at}
                                    for at, (name, color) in enumerate(zip(CLASSES, HEX, strict=True))]}  # fmt: skip


def mapillary():
    return {"labels": [{"name": f"a--{name}", "readable": name, "color": list(color), "instances": False}
                       for name, color in zip(CLASSES, COLORS, strict=True)]}  # fmt: skip


COLORED = {
    "classes.json": supervisely(),
    "meta.json": supervisely(),
    "palette.json": dict(zip(CLASSES, map(list, COLORS), strict=True)),
    "colormap.json": dict(zip(HEX, CLASSES, strict=True)),
    "labels.json": [{"label": name, "rgb": "{}, {}, {}".format(*color)}
                    for name, color in zip(CLASSES, COLORS, strict=True)],
}  # fmt: skip


@pytest.mark.parametrize("file", COLORED)
def test_colours_get_the_names_of_objects(file, tmp_path):
    (written(tmp_path) / file).write_text(json.dumps(COLORED[file]))
    data = open_data(tmp_path)
    assert set(data.labels.names) == set(CLASSES)
    for found, wanted in zip(names_of_pixels(data), expected(data.names), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_name_comes_before_what_is_readable(tmp_path):
    (written(tmp_path) / "config_v1.2.json").write_text(json.dumps(mapillary()))
    assert set(open_data(tmp_path).labels.names) == {f"a--{name}" for name in CLASSES}


def test_a_colour_that_is_not_listed_keeps_its_own_name_and_the_doctor_says_so(tmp_path, capsys):
    listed = {"classes": supervisely()["classes"][:2]}
    (written(tmp_path) / "classes.json").write_text(json.dumps(listed))
    data = open_data(tmp_path)
    assert set(CLASSES[:2]) < set(data.labels.names)
    assert len(data.labels.names) == len(CLASSES)
    assert main(["doctor", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    (other,) = set(data.labels.names) - set(CLASSES)
    assert f"it does not list the colour of {other}" in printed


def test_objects_with_values_name_numbers(tmp_path):
    listed = [{"id": number, "name": name} for number, name in reversed([*enumerate(CLASSES)])]
    (written(tmp_path, colors=None) / "classes.json").write_text(json.dumps(listed))
    data = open_data(tmp_path)
    assert data.labels.names == CLASSES
    for found, wanted in zip(names_of_pixels(data), expected(data.names), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("head", ["i,label_list", "Unnamed: 0,label", ",name", None])
@pytest.mark.parametrize("first", ["", "null", CLASSES[0]])
def test_rows_that_count_from_0_name_numbers(head, first, tmp_path):
    rows = [f"{number},{name or first}" for number, name in enumerate(("", *CLASSES[1:]))]
    (written(tmp_path, colors=None) / "labels.csv").write_text("\n".join([head] * (head is not None) + rows) + "\n")
    assert open_data(tmp_path).labels.names == (first if first == CLASSES[0] else "background", *CLASSES[1:])


@pytest.mark.parametrize(
    "rows", ["0,cat\n1,dog\n2,cat\n", "1,cat\n0,dog\n", "0,1.5\n1,2.5\n", "a.png,cat\nb.png,dog\n"]
)
def test_other_tables_name_nothing(rows, tmp_path):
    (written(tmp_path, colors=None) / "labels.csv").write_text(rows)
    assert open_data(tmp_path).labels.names[0].startswith("class ")


@pytest.mark.parametrize(
    ("value", "color"),
    [
        ("#6EC1E4", (110, 193, 228)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ([1, 2, 3, 255], (1, 2, 3)),
        ({"R": 1, "G": 2, "B": 3}, (1, 2, 3)),
        ("#6EC1E", None),
        ([1, 2], None),
        ([1, 2, 256], None),
        ([1, 2, True], None),
        ([1.0, 2, 3], None),
        ("1, 2, 999", None),
        (None, None),
    ],
)
def test_colours(value, color):
    assert color_of(value) == color


@pytest.mark.parametrize(
    "content",
    [None, 3, [], {}, ["road"], [{"name": 1}], [{"name": ""}], [{"name": "road"}, 2], {"classes": 3}, {"a": [1, 2, 3]}],
)
def test_what_lists_no_classes(content):
    assert listed_objects(content) is None


def test_values_and_colours_count_only_where_all_have_them():
    found = listed_objects([{"name": "a", "id": 1, "color": "#000000"}, {"name": "b", "id": 1}])
    assert found == (("a", "b"), (), ())


@pytest.mark.parametrize("line", ["{name} {color}", "{color}\t\t{name}", "{number} {name} {color}", "{name}: {color}"])
@pytest.mark.parametrize("names", [CLASSES, ("class 1", "class 2", "class 3"), ("a1", "b2", "c3")])
def test_lines_of_colours_may_have_digits_in_their_names(line, names, tmp_path):
    lines = [
        line.format(name=name, number=number, color="{} {} {}".format(*color))
        for number, (name, color) in enumerate(zip(names, COLORS, strict=True))
    ]
    (written(tmp_path) / "my_colormap.txt").write_text("\n".join(lines) + "\n")
    data = open_data(tmp_path)
    assert data.labels.names == names
    assert data.labels.palette == COLORS
