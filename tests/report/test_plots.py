"""Plots as SVG: what is drawn, what is not, and that names stay text."""

import math
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest

from atrous.report.plots import bar_plot, line_plot

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


def test_long_titles_are_broken_between_words_and_stand_whole_in_the_accessible_name():
    title = "Employing multi-grid method and image pooling at an output stride of 8"
    svg = bar_plot({"a": 0.5}, title=title, x_label="")
    lines = [text for text in texts(svg) if len(text) > 3 and text in title]
    assert " ".join(lines) == title
    assert max(map(len, lines)) <= 50
    assert ElementTree.fromstring(svg).get("aria-label") == title


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


@pytest.mark.parametrize("points", [[(3, 0.5)], [(3, 0.5), (3, 0.7)]])
def test_points_of_one_step_have_one_tick_there(points):
    numbers = [text for text in texts(line_plot({"a": points}, **LABELS)) if re.fullmatch(r"[\d.]+", text)]
    assert [text for text in numbers if float(text) > 1] == ["3"]


@pytest.mark.parametrize("last", [2, 3, 4, 7, 20])
def test_ticks_between_few_steps_are_whole(last):
    points = [(step, 100.0 + step) for step in range(1, last + 1)]
    numbers = [float(text) for text in texts(line_plot({"a": points}, **LABELS)) if re.fullmatch(r"[\d.]+", text)]
    steps = [number for number in numbers if number <= last]
    assert len(steps) > 1
    assert all(step.is_integer() for step in steps)


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
