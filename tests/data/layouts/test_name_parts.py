"""Names of equal words and numbers pair; numbers whose words stand in another order never do."""

import pytest

from atrous.data.layouts.name_parts import by_all_numbers, by_words_and_numbers

TILES = [(1, 2), (2, 1), (3, 7), (10, 7)]


def names(pattern):
    return [pattern.format(x=x, y=y) for x, y in TILES]


@pytest.mark.parametrize(
    ("image", "mask"),
    [("austin{x}", "austin_{x}_gt"), ("img-{x:03}", "IMG {x} label"), ("a/scan{x}", "b/scan_{x}_seg")],
)
def test_equal_words_and_numbers(image, mask):
    images, masks = names(image), names(mask)
    assert by_words_and_numbers(images, masks[::-1]) == dict(zip(images, masks, strict=True))
    assert by_words_and_numbers(images, masks[1:]) == {}


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("tile_x{x}_y{y}", "{x}_{y}"),
        ("video{x}_frame{y}", "vid_{x:02}_{y:06}"),
        ("col{x}_row{y}", "x{x}_y{y}"),
        ("city_{x}_{y}", "{x}-{y}-gt"),
    ],
)
def test_all_numbers_in_order(image, mask):
    images, masks = names(image), names(mask)
    assert by_all_numbers(images, masks[::-1]) == dict(zip(images, masks, strict=True))
    assert by_all_numbers(images, masks[1:]) == {}


@pytest.mark.parametrize(
    ("image", "mask"),
    [("x{x}_y{y}", "y{y}_x{x}"), ("col{x}_row{y}", "y{y}_x{x}"), ("slice{x}_patient{y}", "p{y}_s{x}")],
)
def test_another_order_is_a_guess(image, mask):
    """The numbers alone would pair (1, 2) with (2, 1)."""
    assert by_all_numbers(names(image)[:2], names(mask)[:2]) == {}
    assert by_all_numbers(names(image), names(mask)) == {}


def test_one_number_says_too_little():
    assert by_all_numbers(["frame1", "frame2"], ["07_1", "07_2"]) == {}
