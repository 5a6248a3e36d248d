"""Results as files and pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.labels import LabelSpace
from fakes.lively_model import LABELS, blocks, lively_archive

RESULT = Result(labels=np.array([[0, 1], [3, 3]], np.uint8), image=np.full((2, 2, 3), 100, np.uint8), space=LABELS)


def test_the_saved_file_holds_the_labels_and_their_colours(tmp_path):
    RESULT.save(str(tmp_path / "new" / "a.png"))
    with Image.open(tmp_path / "new" / "a.png") as saved:
        assert saved.mode == "P"
        np.testing.assert_array_equal(np.array(saved), RESULT.labels)
        np.testing.assert_array_equal(np.array(saved.convert("RGB"))[1, 1], [200, 0, 0])


@pytest.mark.parametrize("names", [("road", "sky"), ("background", "road")])
@pytest.mark.parametrize("contours", [False, True])
def test_pixels_without_data_beside_classes_keep_the_picture_in_overlays(names, contours):
    labels = np.zeros((64, 70), np.uint8)
    labels[:, 30:50], labels[:, 50:] = 255, 1
    space = LabelSpace(names, palette=((9, 9, 9), (200, 0, 0)))
    result = Result(labels, np.full((64, 70, 3), 100, np.uint8), space)
    overlay = np.array(result.overlay(legend=False, contours=contours))
    assert (overlay[:, 30:50] == 100).all()
    if names[0] == "road":
        assert (overlay[:, 29] == 9).all()  # the outline of the class beside them


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


def test_shares_and_repr_name_the_classes_that_occur():
    assert RESULT.shares() == {"car": 0.5, "sky": 0.25, "road": 0.25}
    assert repr(RESULT) == "Result(2x2 pixels: car 50.0%, sky 25.0%, road 25.0%)"


def test_a_notebook_without_scripts_shows_the_overlay():
    with Image.open(io.BytesIO(RESULT._repr_png_())) as shown:
        np.testing.assert_array_equal(np.array(shown), np.array(RESULT.overlay()))
    large = Result(np.zeros((3000, 10), np.uint8), np.zeros((3000, 10, 3), np.uint8), LABELS)
    with Image.open(io.BytesIO(large._repr_png_())) as shown:
        assert shown.height < 1200


def test_a_notebook_shows_the_viewer_with_shares():
    markup = RESULT._repr_html_()
    assert markup.startswith("<iframe ")
    assert all(words in markup for words in ("car 50.0%", "sky 25.0%", "road 25.0%"))


def test_show_opens_the_overlay(monkeypatch):
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda image, title: shown.append((image, title)))
    RESULT.show()
    assert (shown[0][0].size, shown[0][1]) == (RESULT.overlay().size, "atrous")


def test_polygons_are_named_by_class():
    found = RESULT.polygons(tolerance=0.0)
    assert set(found) == {"sky", "road", "car"}
    assert found["car"][0].outline.tolist() == [[0, 1], [2, 1], [2, 2], [0, 2]]


def test_probabilities_come_by_option():
    image = np.ascontiguousarray(blocks(33, 49)[0].permute(1, 2, 0).numpy())
    for options in ({}, {"scales": (0.5, 1.0), "flip": True}, {"pad": (49, 65)}):
        predictor = Predictor(lively_archive(), **options)
        result = predictor(image, probabilities=True)
        np.testing.assert_allclose(result.probabilities, predictor.probabilities(image), atol=1e-6)
        assert (result.probabilities.argmax(axis=0) == result.labels).all()
        assert predictor(image).probabilities is None
