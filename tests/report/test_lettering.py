"""Names in the letters of Pillow's own font, cut to fit."""

import pytest

from atrous.report.lettering import fitted, load_font, spelled


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("traffic light", "traffic light"),
        ("<b>&amp;", "<b>&amp;"),
        ("vélo", "velo"),
        ("Straße", "Stra?e"),
        ("道路 road", "?? road"),
        ("道路", "class 7"),
        (" \x00", "class 7"),
    ],
)
def test_names_are_spelled_in_the_letters_there_are(name, letters):
    assert spelled(name, otherwise="class 7") == letters


def test_fitted_text_is_the_longest_that_fits():
    font = load_font(14)
    text = "pedestrian crossing"
    width = int(font.getlength("pedestrian…")) + 1
    assert fitted(text, font, width=width) == "pedestrian…"
    assert fitted(text, font, width=1000) == text
    assert fitted(text, font, width=1) == ""
