"""Tables as text and as markup, letter by letter."""

import math

import pytest

from atrous.report.tables import Table, shown

SCORES = Table(
    ("class", "IoU", "pixels"),
    (("road", 0.98123, 1234567), ("道Ａ", None, 0), ("pole", 0.02, 48)),
    caption="validation",
)


def test_text_is_aligned_by_terminal_columns():
    assert SCORES.to_text().splitlines() == [
        "validation",
        "class     IoU     pixels",
        "─────  ──────  ─────────",
        "road   0.9812  1,234,567",
        "道Ａ        –          0",
        "pole   0.0200         48",
    ]


def test_html_is_escaped_and_marks_numbers():
    table = Table(("<b>", "n"), (("<script>alert('&')</script>", 3),), caption="a < b")
    assert table.to_html() == (
        "<table><caption>a &lt; b</caption>\n"
        '<thead><tr><th>&lt;b&gt;</th><th class="number">n</th></tr></thead>\n<tbody>\n'
        "<tr><td>&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</td>"
        '<td class="number">3</td></tr>\n</tbody></table>'
    )


@pytest.mark.parametrize(
    ("cell", "spec", "text"),
    [
        (None, "", "–"),
        (0.98765, "", "0.9877"),
        (73.456, "", "73.46"),
        (12345.678, "", "12,346"),
        (0.0, "", "0"),
        (3.2e-7, "", "3.2e-07"),
        (-0.5, "", "-0.5000"),
        (0.7412, ".1%", "74.1%"),
        (math.nan, "", "nan"),
        (math.inf, ".3f", "inf"),
        (2140000, "", "2,140,000"),
        (2018, "d", "2018"),
        ("two\nlines \x1b[2J", "", "two lines \ufffd[2J"),
    ],
)
def test_cells_as_text(cell, spec, text):
    assert shown(cell, spec) == text


def test_a_column_has_one_number_of_decimals_taken_from_its_largest_value():
    rows = tuple((value,) for value in (7.0, -123.456, 0.01, math.nan, None, 5))
    lines = Table(("value",), rows).to_text().splitlines()[2:]
    assert [line.strip() for line in lines] == ["7.0", "-123.5", "0.0", "nan", "–", "5.0"]


def test_formats_are_given_by_column():
    table = Table(("year", "share"), ((2018, 0.5), (None, None)), formats=("d", ".1%"))
    assert [line.split() for line in table.to_text().splitlines()[2:]] == [["2018", "50.0%"], ["–", "–"]]


def test_a_table_without_rows_shows_its_heads():
    assert Table(("a", "b"), ()).to_text() == "a  b\n─  ─"
    assert "<tbody>\n\n</tbody>" in Table(("a",), ()).to_html()


@pytest.mark.parametrize("change", [{"rows": ((1,),)}, {"formats": ("d",)}])
def test_rows_and_formats_must_fit_the_columns(change):
    with pytest.raises(ValueError, match="2 columns, but 1 cells"):
        Table(**{"columns": ("a", "b"), "rows": (), **change})
