"""Pictures of label maps, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace, bit_palette
from atrous.report.label_colors import colorize, ignore_color
from atrous.report.pictures import (
    RIGHT,
    WRONG,
    error_map,
    fitted,
    load_font,
    overlay,
    side_by_side,
    spelled,
    with_legend,
)

SPACE = LabelSpace(("ground", "sky", "tower"), ((10, 20, 30), (100, 150, 200), (250, 0, 1)))
WHITE = [255, 255, 255]


def test_colorize_paints_classes_in_their_colours_and_ignored_pixels_white():
    labels = np.array([[0, 1], [2, 255]], np.uint8)
    assert colorize(labels, SPACE).tolist() == [[[10, 20, 30], [100, 150, 200]], [[250, 0, 1], WHITE]]
    assert colorize(labels, SPACE).dtype == np.uint8


def test_the_ignore_colour_is_the_lightest_grey_that_no_class_has():
    assert ignore_color(PASCAL_VOC) == (255, 255, 255)
    assert ignore_color(LabelSpace(("a", "b"), ((255, 255, 255), (253, 253, 253)))) == (254, 254, 254)
    greys = tuple((level, level, level) for level in range(256))
    all_greys = LabelSpace(tuple(map(str, range(256))), greys, ignore=65535)
    assert ignore_color(all_greys) == (255, 255, 254)


def test_overlay_blends_by_hand():
    image = np.array([[[0, 200, 255], [40, 40, 40]]], np.uint8)
    labels = np.array([[1, 255]], np.uint8)
    # 0.25 of (100, 150, 200) over (0, 200, 255): 25, 187.5 -> 188 (to even), 241.25 -> 241; the ignored pixel stays.
    assert overlay(image, labels, SPACE, opacity=0.25).tolist() == [[[25, 188, 241], [40, 40, 40]]]
    # The default 0.55: 55, 172.5 -> 172 (to even), 224.75 -> 225.
    assert overlay(image, labels, SPACE).tolist() == [[[55, 172, 225], [40, 40, 40]]]


def test_overlay_at_its_ends_is_the_photo_and_the_colours():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
    labels = np.array([[0, 1, 2], [2, 1, 0]], np.int32)
    assert np.array_equal(overlay(image, labels, SPACE, opacity=0.0), image)
    assert np.array_equal(overlay(image, labels, SPACE, opacity=1.0), colorize(labels, SPACE))


def test_overlay_refuses_other_sizes_and_opacities():
    image, labels = np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8)
    with pytest.raises(ValueError, match=r"opacity 1\.5"):
        overlay(image, labels, SPACE, opacity=1.5)
    with pytest.raises((ValueError, TypeCheckError)):
        overlay(image[:1], labels, SPACE)
    with pytest.raises((ValueError, TypeCheckError)):
        error_map(labels[:1], labels, SPACE)
    with pytest.raises(InputError, match="label map: value 9"):
        overlay(image, labels + 9, SPACE)


def test_error_map_by_hand():
    truth = np.array([[0, 1, 2, 255, 255, 1]], np.uint8)
    predicted = np.array([[0, 2, 2, 0, 255, 255]], np.uint8)
    expected = [list(RIGHT), list(WRONG), list(RIGHT), WHITE, WHITE, list(WRONG)]
    assert error_map(predicted, truth, SPACE).tolist() == [expected]


def test_error_map_says_which_map_holds_a_foreign_value():
    good, bad = np.zeros((1, 1), np.uint8), np.full((1, 1), 3, np.uint8)
    with pytest.raises(InputError, match=r"^prediction: value 3"):
        error_map(bad, good, SPACE)
    with pytest.raises(InputError, match=r"^truth: value 3"):
        error_map(good, bad, SPACE)


def swatches(picture, space):
    """Class ids whose exact colour fills a square of at least 8 x 8 pixels, by column and then by row."""
    found = []
    for label, color in enumerate(space.palette):
        rows, columns = np.nonzero((picture == color).all(axis=-1))
        if rows.size >= 64:
            found.append((columns.min(), rows.min(), label))
    return [label for _, _, label in sorted(found)]


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (300, 500), (40, 2100)])
def test_legend_keeps_the_picture_and_names_the_present_classes_in_order(size):
    picture = np.full((*size, 3), 77, np.uint8)
    result = with_legend(picture, PASCAL_VOC, present=np.array([15, 3, 20, 15, 255]))
    assert np.array_equal(result[: size[0], : size[1]], picture)
    strip = result[size[0] :]
    assert result.shape[1] >= 200
    assert swatches(strip, PASCAL_VOC) == [3, 15, 20]


def test_legend_letters_are_in_the_strip_and_grow_with_the_picture():
    def ink(width):
        space = LabelSpace(("HHHH",), ((255, 0, 0),))
        strip = with_legend(np.zeros((1, width, 3), np.uint8), space, present=[0])[1:]
        dark = (strip < 100).all(axis=-1)
        dark[:, : int(np.nonzero((strip == (255, 0, 0)).all(axis=-1))[1].max()) + 2] = False
        return np.ptp(np.nonzero(dark)[0]) + 1

    assert ink(10) >= 8
    assert 2.5 < ink(2000) / ink(10) < 5


def test_legend_wraps_into_columns_and_stays_within_the_width():
    space = LabelSpace.unnamed(60)
    picture = np.zeros((10, 640, 3), np.uint8)
    strip = with_legend(picture, space, present=range(60))[10:]
    assert strip.shape[1] == 640
    assert strip.shape[0] < 60 * 16 / 3
    assert (strip[:, -2:] == 255).all()


def test_legend_cuts_hostile_names_and_says_how_many_it_left_out():
    long = LabelSpace(("Q" * 5000, "\x00\u202e道", "<script>"))
    strip = with_legend(np.zeros((1, 300, 3), np.uint8), long, present=range(3))
    assert strip.shape[1] == 300
    assert (strip[1:, -2:] == 255).all()
    many = LabelSpace.unnamed(1000)
    short = with_legend(np.zeros((1, 300, 3), np.uint8), many, present=range(1000))
    assert np.array_equal(short, with_legend(np.zeros((1, 300, 3), np.uint8), many, present=range(1000)))
    assert short.shape[0] < 201 * 20
    assert swatches(short[1:], LabelSpace(("x", "y"), (bit_palette(1000)[199], bit_palette(1000)[201]))) == [0]


def test_legend_of_nothing_is_the_picture_and_foreign_ids_are_refused():
    picture = np.zeros((5, 5, 3), np.uint8)
    assert np.array_equal(with_legend(picture, SPACE, present=[255]), picture)
    with pytest.raises(InputError, match=r"legend: 3 is no class id 0\.\.2"):
        with_legend(picture, SPACE, present=[0, 3])
    with pytest.raises(InputError, match="legend: -1 is no class id"):
        with_legend(picture, SPACE, present=[-1, 3])


def test_side_by_side_repeats_pixels_when_enlarging_and_averages_when_reducing():
    small = np.array([[[1, 2, 3], [200, 100, 0]]], np.uint8)
    large = np.zeros((4, 4, 3), np.uint8)
    large[::2] = 100
    row = side_by_side([("small", small), ("large", large)], height=2)
    gap, top = 6, 26
    assert row.shape == (top + 2, 4 + gap + 2, 3)
    assert np.array_equal(row[top:, :4], small.repeat(2, axis=0).repeat(2, axis=1))
    assert (row[top:, 4 : 4 + gap] == 255).all()
    assert (row[top:, 4 + gap :] == 50).all()


def test_side_by_side_takes_the_height_of_the_tallest_and_writes_captions_above():
    row = side_by_side([("prediction", np.zeros((40, 200, 3), np.uint8)), ("道", np.zeros((80, 90, 3), np.uint8))])
    assert row.shape == (26 + 80, 400 + 6 + 90, 3)
    assert (row[:26, :400] < 128).any()
    assert (row[:26, 406:] == 255).all()
    with pytest.raises(ValueError, match="at least one picture"):
        side_by_side([])


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_overlay_is_within_half_a_step_of_the_definition(height, width, opacity, seed):
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (height, width, 3), np.uint8)
    labels = generator.choice(np.array([0, 1, 2, 255], np.uint8), (height, width))
    exact = (1 - opacity) * image.astype(np.float64) + opacity * colorize(labels, SPACE).astype(np.float64)
    exact[labels == 255] = image[labels == 255]
    assert np.abs(overlay(image, labels, SPACE, opacity=opacity) - exact).max() <= 0.5 + 1e-4


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
