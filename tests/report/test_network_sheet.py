"""The sheet about a network: what is written where, and that names stay text."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from atrous.report.field_plot import MeasuredField, TapCurves
from atrous.report.network_sheet import NetworkSheet

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert('$x^2$')</script>"


@dataclass(frozen=True)
class Unit:
    name: str
    stride: int
    rate: int
    output_stride: int
    size: tuple[int, int]
    receptive_field: int | None


UNITS = (
    Unit("stem", 2, 1, 2, (33, 49), 7),
    Unit("block1/unit_1", 2, 1, 4, (17, 25), 15),
    Unit("block2/unit_1", 1, 37, 4, (17, 25), 311),
    Unit("image_pooling", 1, 1, 4, (17, 25), None),
)


def sheet(**changes):
    heat = np.ones((65, 97)) / (65 * 97)
    field = MeasuredField(heat, (32, 48), np.linspace(0, 1, 49), side=93, extent=311, image=(65, 97), weights="fresh")
    shares = {9: [0.9, 0.5, 0.0, 0.0], 3: [0.0] * 4, 1: [0.0, 0.0, 1.0, 1.0]}
    taps = TapCurves((17, 25), rates=[1, 5, 37, 46], shares=shares,
                     marked=[37], marked_name="rates of the test")  # fmt: skip
    return replace(NetworkSheet("a network", "its facts", UNITS, field, taps), **changes)


def texts(path):
    return [element.text for element in ElementTree.parse(path).iter(f"{SVG}text")]


def test_an_svg_holds_every_unit_and_its_numbers(tmp_path):
    sheet().save(tmp_path / "sheet.svg")
    found = texts(tmp_path / "sheet.svg")
    for unit in UNITS:
        assert unit.name in found
        assert f"{unit.size[0]}×{unit.size[1]}" in found
    assert found.count("37") == 2  # the unit's, and the mark among the valid taps
    assert {"7", "15", "311", "–"} <= set(found)
    assert found.count("2") >= 3  # two strides, one output stride
    assert {"a network", "its facts", "9 of 9", "1 of 9", "17×25"} <= set(found)
    assert "3 of 9" not in found  # never occurs: no curve
    assert any("square with 95% of the measured gradient: 93 pixels" in text for text in found)
    assert any("all that the logit can see: 311 pixels" in text for text in found)
    assert any("rates of the test" in text for text in found)


def test_curves_go_through_their_points(tmp_path):
    """The curve of one valid tap: from the bottom to the top of the axes, between those of rates 5 and 37."""
    sheet().save(tmp_path / "sheet.svg")
    paths = [
        element.get("d") for element in ElementTree.parse(tmp_path / "sheet.svg").iter(f"{SVG}path")
        if "stroke: #a88a1e" in element.get("style", "") and element.get("clip-path")
    ]  # fmt: skip
    points = [[tuple(map(float, pair)) for pair in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path)] for path in paths]
    (curve,) = [found for found in points if len(found) == 4]
    (x1, bottom), (x5, still_bottom), (x37, top), (x46, still_top) = curve
    assert (bottom, top) == (still_bottom, still_top)
    assert top < bottom
    assert (x37 - x5) / (x5 - x1) == pytest.approx(32 / 4, rel=1e-3)
    assert (x46 - x37) / (x5 - x1) == pytest.approx(9 / 4, rel=1e-3)


def test_a_png_shows_the_heat_where_it_is(tmp_path):
    """All heat in the upper left: there the picture is darker than with all of it in the lower right."""
    levels = []
    for corner in ((slice(0, 20), slice(0, 30)), (slice(-20, None), slice(-30, None))):
        heat = np.zeros((65, 97))
        heat[corner] = 1 / 600
        sheet(field=replace(sheet().field, heat=heat)).save(tmp_path / "sheet.png")
        with Image.open(tmp_path / "sheet.png") as picture:
            assert picture.format == "PNG"
            assert picture.width == 1200
            levels.append(np.asarray(picture.convert("L"), float))
    assert len(np.unique(levels[0])) > 100
    difference = levels[1] - levels[0]
    darker, lighter = (np.argwhere(sign * difference > 100).mean(axis=0) for sign in (1, -1))
    assert (darker < lighter).all()


def test_the_same_sheet_is_the_same_file(tmp_path):
    for suffix in ("svg", "png"):
        for name in ("one", "other"):
            sheet().save(tmp_path / f"{name}.{suffix}")
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_names_stay_text(tmp_path):
    units = (replace(UNITS[0], name=HOSTILE[:31]), *UNITS[1:])
    sheet(title=HOSTILE, subtitle=f"a\x00\n{HOSTILE}", units=units).save(tmp_path / "sheet.svg")
    found = texts(tmp_path / "sheet.svg")
    assert {HOSTILE, f"a\ufffd {HOSTILE}", HOSTILE[:31]} <= set(found)
    assert not any("script" in element.tag for element in ElementTree.parse(tmp_path / "sheet.svg").iter())


@pytest.mark.parametrize("image", [(1, 1), (1, 65536), (33, 33)])
def test_extreme_sizes_are_drawn_without_a_warning(image, tmp_path):
    heat = np.ones((1, min(image[1], 769))) / min(image[1], 769)
    field = MeasuredField(heat, (0, 0), np.ones(1), side=1, extent=9999, image=image, weights="fresh")
    taps = TapCurves((1, 1), rates=[1, 2, 3], shares={1: [1.0, 1.0, 1.0]}, marked=[], marked_name="")
    unit = Unit("stem", 1, 1, 1, (1, 1), 1)
    sheet(units=[unit] * 60, field=field, taps=taps).save(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.height > 60 * 20
