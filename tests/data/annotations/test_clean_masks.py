"""Classes of masks that were compressed with loss: their colours, and how far apart two classes must be."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.annotations.clean_masks import clean_masks, nearest_class


def halves(path, left, right):
    """A mask of two colours, each on 20 x 10 pixels."""
    colors = np.empty((20, 20, 3), np.uint8)
    colors[:, :10], colors[:, 10:] = left, right
    Image.fromarray(colors).save(path)
    return path


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        ((3, 2, 12), (0, 0, 0)),
        ((243, 12, 255), (255, 0, 255)),
        ((250, 249, 243), (255, 255, 255)),
        ((250, 128, 0), (250, 128, 0)),  # a channel between the two: the colour is as it is
        ((13, 0, 255), (13, 0, 255)),
        ((0, 255, 242), (0, 255, 242)),
    ],
)
def test_colours_a_few_steps_from_a_plain_one_are_that_one(tmp_path, shown, meant):
    found = clean_masks([halves(tmp_path / "mask.png", shown, (60, 130, 60))])
    assert found is not None
    assert sorted(found.schema.labels.palette) == sorted([meant, (60, 130, 60)])


@pytest.mark.parametrize(("apart", "classes"), [(39, None), (40, 2)])
def test_two_classes_differ_by_40_steps_of_a_channel(tmp_path, apart, classes):
    found = clean_masks([halves(tmp_path / "mask.png", (100, 100, 100), (100, 100 + apart, 100))])
    assert (None if found is None else len(found.schema.labels)) == classes


def test_every_pixel_gets_the_nearest_colour():
    """By hand, squared: (100, 100, 0) is 20000 from black and 34025 from red, (200, 100, 0) 50000 and 13025."""
    colors = np.array([[(100, 100, 0), (200, 100, 0), (9, 9, 9)]], np.uint8)
    assert nearest_class(colors, [(0, 0, 0), (255, 0, 0)]).tolist() == [[0, 1, 0]]
