"""Plots as SVG: what is drawn, what is not, and that names stay text."""

import base64
import io
import math
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from atrous.report.plots import bar_plot, confusion_plot, line_plot

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script>"
LABELS = {"title": "Loss", "x_label": "iteration", "y_label": "cross entropy"}
BLUE = "#3579c4"


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def pieces(svg, color):
    """Point counts of the connected pieces of the curve in `color`."""
    curves = [
        element.get("d") for element in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if f"stroke: {color}" in element.get("style", "") and element.get("clip-path")
    ]  # fmt: skip
    return [1 + piece.count("L") for curve in curves for piece in curve.split("M")[1:]]


def dots(svg):
    return sum(
        element.tag == f"{SVG}use" and BLUE in element.get("style", "")
        for element in ElementTree.fromstring(svg).iter()
    )


def bars(svg):
    """Left and right end of every bar."""
    shapes = [
        re.findall(r"[ML] ([-\d.]+) ", element.get("d"))
        for element in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if f"fill: {BLUE}" in element.get("style", "")
    ]
    return [(min(map(float, xs)), max(map(float, xs))) for xs in shapes]


def test_the_same_numbers_give_the_same_text():
    series = {"training": [(0, 2.0), (10, 1.0)], "validation": [(0, 2.5), (10, 1.5)]}
    assert line_plot(series, log_y=True, **LABELS) == line_plot(series, log_y=True, **LABELS)
    bars = {"road": 0.9, "pole": None}
    assert bar_plot(bars, title="IoU", x_label="IoU") == bar_plot(bars, title="IoU", x_label="IoU")


def test_the_users_matplotlib_settings_change_nothing_and_are_left_alone():
    series = {"a": [(0, 1.0), (1, 2.0)]}
    plain = line_plot(series, **LABELS)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "lines.linewidth": 9}):
        assert line_plot(series, **LABELS) == plain
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize("name", [HOSTILE, r"$\frac$ $x^2$", "_hidden", "a & b", "道路", 'x" onload="alert(1)'])
def test_names_are_drawn_as_they_are_everywhere(name):
    curves = line_plot({name: [(0, 1.0)], "b": [(0, 2.0)]}, title=name, x_label=name, y_label=name)
    assert texts(curves).count(name) == 4
    bars = bar_plot({name: 0.5}, title=name, x_label=name)
    assert texts(bars).count(name) == 3
    for svg in (curves, bars):
        elements = list(ElementTree.fromstring(svg).iter())
        assert not any(element.tag == f"{SVG}script" for element in elements)
        assert not any(attribute.startswith("on") for element in elements for attribute in element.attrib)
        assert elements[0].get("aria-label") == name
        assert svg.startswith("<svg ")


def test_unshowable_and_long_names_are_made_fit():
    svg = bar_plot({"a\x00\ud800\n b": 0.5, "Q" * 1000: 0.5}, title="", x_label="")
    assert "a\ufffd\ufffd b" in texts(svg)
    assert "Q" * 39 + "…" in texts(svg)


def test_text_takes_the_colour_of_the_page_and_user_text_is_not_touched():
    svg = bar_plot({"fill: #010203": 0.5}, title="", x_label="")
    assert "fill: #010203" in texts(svg)
    assert svg.count("#010203") == 1
    assert "fill: currentColor" in svg


def test_a_single_curve_needs_no_legend():
    assert "training" not in texts(line_plot({"training": [(0, 1.0), (1, 2.0)]}, **LABELS))


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_leaves_a_gap_and_lonely_points_are_dots(hole):
    ys = [1.0, 2.0, 3.5, hole, 2.0, hole, 4.0, 1.0]
    upright = line_plot({"a": list(enumerate(ys))}, **LABELS)
    level = line_plot({"a": [(x if math.isfinite(y) else hole, x % 2) for x, y in enumerate(ys)]}, **LABELS)
    for svg in (upright, level):
        assert [count for count in pieces(svg, BLUE) if count > 1] == [3, 2]
        assert dots(svg) == 1


def test_a_logarithmic_axis_leaves_out_what_is_not_positive_and_prints_plain_numbers():
    svg = line_plot({"a": [(0, 0.01), (1, 1.0), (2, 0.0), (3, -1.0), (4, 10.0), (5, 0.1)]}, log_y=True, **LABELS)
    assert [count for count in pieces(svg, BLUE) if count > 1] == [2, 2]
    assert {"0.01", "0.1", "1", "10"} <= set(texts(svg))
    assert not any("$" in text for text in texts(svg))


def test_bars_are_as_long_as_their_numbers():
    svg = bar_plot({"a": 0.8, "b": 0.2, "c": None, "d": math.nan, "e": -0.2}, title="", x_label="IoU")
    (left, first), (second_left, second), *none, (negative, zero) = bars(svg)
    assert left == second_left == zero
    assert (first - left) / (second - left) == pytest.approx(4, rel=1e-3)
    assert (left - negative) / (second - left) == pytest.approx(1, rel=1e-3)
    assert all(start == stop for start, stop in none)
    assert [text for text in texts(svg) if text in {"0.800", "0.200", "–", "-0.200"}] == [
        "0.800", "0.200", "–", "–", "-0.200"
    ]  # fmt: skip


def test_many_curves_and_no_curves_are_drawn_without_a_warning():
    svg = line_plot({f"class {label}": [(0, label), (1, label + 1)] for label in range(60)}, **LABELS)
    assert sum(text.startswith("class ") for text in texts(svg)) == 60
    assert "iteration" in texts(line_plot({}, **LABELS))
    assert "iteration" in texts(line_plot({"a": []}, log_y=True, **LABELS))
    assert "IoU" in texts(bar_plot({}, title="", x_label="IoU"))


def squares(svg):
    """The squares of a confusion matrix: colour and opacity, 0..255."""
    (picture,) = ElementTree.fromstring(svg).iter(f"{SVG}image")
    kind, _, content = picture.get("{http://www.w3.org/1999/xlink}href").partition(",")
    assert kind == "data:image/png;base64"
    assert "pixelated" in picture.get("style")
    return np.array(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))


def test_squares_are_as_opaque_as_the_root_of_their_share():
    """Of class a 81 % are right and 16 % taken for b; of b nothing is right; c is nowhere."""
    found = squares(confusion_plot(np.array([[81, 16, 3], [7, 0, 0], [0, 0, 0]]), names=("a", "b", "c")))
    opacity = found[..., 3] / 255
    np.testing.assert_allclose(opacity, [[0.9, 0.4, math.sqrt(0.03)], [1, 0, 0], [0, 0, 0]], atol=0.5 / 255 + 1e-6)
    assert found[0, 0, :3].tolist() == [0x35, 0x79, 0xC4]
    assert found[0, 1, :3].tolist() == found[1, 0, :3].tolist() == [0xDD, 0x71, 0x27]


def test_shares_stand_in_the_squares_from_one_per_cent_on():
    svg = confusion_plot(np.array([[990, 10, 0], [4, 996, 0], [0, 0, 0]]), names=("a", "b", "c"))
    assert sorted(text for text in texts(svg) if text.isdigit()) == ["1", "100", "99"]


@pytest.mark.parametrize("count", [2, 13, 41, 150])
def test_every_class_is_named_in_letters_that_stay_apart(count):
    """At both sides; rows lie at least 1.2 letter heights from each other, whatever their number."""
    svg = confusion_plot(np.eye(count, dtype=np.int64), names=[f"class {label}" for label in range(count)])
    labels = [
        element for element in ElementTree.fromstring(svg).iter(f"{SVG}text") if element.text.startswith("class ")
    ]
    assert len(labels) == 2 * count
    assert (squares(svg)[..., 3] == 255 * np.eye(count)).all()
    rows = [float(element.get("y")) for element in labels if "end" in element.get("style")]
    size = float(re.search(r"([\d.]+)px", labels[-1].get("style"))[1])
    assert len(rows) == count
    assert min(np.diff(rows)) > 1.2 * size


def test_hostile_and_long_names_of_a_confusion_are_text():
    svg = confusion_plot(np.eye(2, dtype=np.int64), names=(HOSTILE, "Q" * 99))
    assert texts(svg).count("Q" * 23 + "…") == 2
    assert "<script" not in svg
