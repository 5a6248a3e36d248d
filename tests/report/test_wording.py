"""Text of users in one showable line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.report.wording import one_line, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("road", "road"),
        ("  traffic\n\tlight ", "traffic light"),
        ("a\x1b[31mred", "a\ufffd[31mred"),
        ("a\u202eexe", "a\ufffdexe"),
        ("a\ud800b", "a\ufffdb"),
        ("道路 свет é", "道路 свет é"),
    ],
)
def test_one_line_keeps_what_can_be_shown_and_nothing_else(text, shown):
    assert one_line(text) == shown


@given(st.text(st.characters()))
def test_one_line_is_printable_can_be_written_and_is_stable(text):
    line = one_line(text)
    assert line.isprintable()
    assert line.encode("utf-8").decode("utf-8") == line
    assert one_line(line) == line


def test_shortened_cuts_at_the_limit_with_an_ellipsis():
    assert shortened("pedestrian", limit=10) == "pedestrian"
    assert shortened("pedestrian", limit=9) == "pedestri…"
    assert shortened("traffic light", limit=9) == "traffic…"
    assert shortened("ab", limit=1) == "…"
