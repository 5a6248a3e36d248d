"""Results as files and pictures."""

import numpy as np
import pytest
from PIL import Image

from atrous.errors import InputError
from atrous.inference.result import Result
from fakes.lively_model import LABELS

RESULT = Result(labels=np.array([[0, 1], [3, 3]], np.uint8), image=np.full((2, 2, 3), 100, np.uint8), space=LABELS)


def test_the_saved_file_holds_the_labels_and_their_colours(tmp_path):
    RESULT.save(str(tmp_path / "new" / "a.png"))
    with Image.open(tmp_path / "new" / "a.png") as saved:
        assert saved.mode == "P"
        np.testing.assert_array_equal(np.array(saved), RESULT.labels)
        np.testing.assert_array_equal(np.array(saved.convert("RGB"))[1, 1], [200, 0, 0])


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="cannot write"):
        RESULT.save(tmp_path / "taken" / "a.png")


def test_the_overlay_mixes_picture_and_colour():
    overlay = RESULT.overlay(opacity=0.25, legend=False)
    assert overlay.size == (2, 2)
    assert overlay.getpixel((0, 0)) == (75, 75, 139)  # 0.75 * 100 + 0.25 * (0, 0, 255) = (75, 75, 138.75)
    assert overlay.getpixel((1, 1)) == (125, 75, 75)


def test_the_legend_stands_below_and_shows_the_classes_that_occur():
    plain, explained = RESULT.overlay(legend=False), RESULT.overlay()
    assert explained.height > plain.height
    np.testing.assert_array_equal(np.array(explained)[:2, :2], np.array(plain))
    colors = {color for _, color in explained.getcolors(maxcolors=1 << 16)}
    assert {(0, 0, 255), (90, 90, 90), (200, 0, 0)} <= colors
    assert (0, 160, 0) not in colors  # no tree in the picture
