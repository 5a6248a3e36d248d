"""The picture of a confusion matrix: its squares, its names, and that these stay text."""

import re
import xml.etree.ElementTree as ElementTree
from math import sqrt

import numpy as np
import pytest

from atrous.report.confusion_plot import confusion_plot

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE = "#3579c4", "#dd7127"
MATRIX = np.array([[81, 16, 3], [7, 0, 0], [0, 0, 0]])


def elements(svg, tag):
    return list(ElementTree.fromstring(svg).iter(f"{SVG}{tag}"))


def squares(svg):
    """Row and column, colour, opacity and what is told of every square."""
    shapes = [shape for shape in elements(svg, "rect") if shape.get("fill") != "none"]
    (frame,) = [shape for shape in elements(svg, "rect") if shape.get("fill") == "none"]
    start = float(frame.get("x"))
    found = {}
    for shape in shapes:
        side = float(shape.get("width"))
        place = tuple(round((float(shape.get(axis)) - start) / side) for axis in ("y", "x"))
        found[place] = (shape.get("fill"), float(shape.get("fill-opacity")), shape[0].text)
    return found


def test_squares_are_as_opaque_as_the_root_of_their_share():
    """Of class a 81 % are right and 16 % taken for b; of b nothing is right; c is nowhere."""
    found = squares(confusion_plot(MATRIX, names=("a", "b", "c")))
    assert found == {
        (0, 0): (BLUE, 0.9, "a found as a: 81.0%"),
        (0, 1): (ORANGE, 0.4, "a taken for b: 16.0%"),
        (0, 2): (ORANGE, pytest.approx(sqrt(0.03), abs=5e-4), "a taken for c: 3.0%"),
        (1, 0): (ORANGE, 1.0, "b taken for a: 100.0%"),
    }


def test_shares_stand_in_the_squares_from_one_per_cent_on():
    svg = confusion_plot(np.array([[990, 10, 0], [4, 996, 0], [0, 0, 0]]), names=("a", "b", "c"))
    numbers = [element.text for element in elements(svg, "text") if element.text.isdigit()]
    assert sorted(numbers) == ["1", "100", "99"]
    many = confusion_plot(np.eye(41, dtype=np.int64), names=[f"class {label}" for label in range(41)])
    assert not any(element.text.isdigit() for element in elements(many, "text"))


def test_what_could_not_be_seen_is_not_drawn():
    svg = confusion_plot(np.array([[9990, 10], [9, 9991]]), names=("a", "b"))
    assert set(squares(svg)) == {(0, 0), (0, 1), (1, 1)}


@pytest.mark.parametrize("count", [1, 2, 12, 13, 40, 41, 150])
def test_every_class_is_named_at_its_row_and_column_in_letters_that_stay_apart(count):
    names = [f"class {label}" for label in range(count)]
    svg = confusion_plot(np.eye(count, dtype=np.int64), names=names)
    letters = float(ElementTree.fromstring(svg).get("font-size"))
    rows = {text.text: float(text.get("y")) for text in elements(svg, "text") if text.get("text-anchor") == "end"}
    turned = (text for text in elements(svg, "text") if text.get("transform") and text.text != "true")
    columns = {text.text: float(re.findall(r"[\d.]+", text.get("transform"))[0]) for text in turned}
    assert list(rows) == list(columns) == names
    assert letters >= 10
    for places, axis, length in ((rows, "y", "height"), (columns, "x", "width")):
        blocks = [shape for shape in elements(svg, "rect") if shape.get("fill") == BLUE]
        middles = [float(block.get(axis)) + float(block.get(length)) / 2 for block in blocks]
        assert list(places.values()) == middles
        assert count == 1 or min(np.diff(middles)) >= letters


def test_hostile_long_and_wide_names_are_text_and_have_room():
    hostile = '</text><script>alert("1")</script>'
    svg = confusion_plot(np.eye(3, dtype=np.int64), names=(hostile, "Q" * 99, "道" * 24))
    assert "<script" not in svg
    texts = [text.text for text in elements(svg, "text")]
    assert texts.count("Q" * 23 + "…") == texts.count("道" * 24) == 2
    (frame,) = [shape for shape in elements(svg, "rect") if shape.get("fill") == "none"]
    assert float(frame.get("x")) > 24 * 13 * 1.2
