"""The viewer of a notebook in a browser: controls, colours on the screen, hostile names, no request, no message."""

import io

import numpy as np
import pytest
from PIL import Image

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.report.notebook import notebook_viewer

EVIL = '"><img src=x onerror=alert(1)></iframe></script>'
SPACE = LabelSpace(("ground", EVIL), ((10, 20, 30), (250, 0, 1)))
SHARES = {EVIL: 0.75, "ground": 0.25}
HEIGHT, WIDTH = 200, 300


@pytest.fixture
def frame(silent_page, tmp_path):
    """The frame inside a notebook's cell: a grey image, whose left quarter is ground, under its labels."""
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    labels[:, : WIDTH // 4] = 0
    image = np.full((HEIGHT, WIDTH, 1), 100, np.uint8)
    path = tmp_path / "cell.html"
    path.write_text(f"<!doctype html><body>{notebook_viewer(image, labels, SPACE, shares=SHARES)}</body>")
    return silent_page(path, width=900, height=700).frame_locator("iframe")


def screen(frame):
    """The pixels of the picture as the browser paints them."""
    return np.array(Image.open(io.BytesIO(frame.locator(".frame").screenshot())).convert("RGB")).astype(int)


def near(pixel, color):
    return np.abs(pixel - color).max() <= 3  # JPEG, and rounding in the browser


def test_the_slider_blends_the_image_with_the_class_colours(frame):
    for opacity in (0, 55, 100):
        frame.locator("input").fill(str(opacity))
        seen = screen(frame)
        height, width = seen.shape[:2]
        for column, color in ((width // 8, (10, 20, 30)), (width // 2, (250, 0, 1))):
            expected = 100 + opacity / 100 * (np.array(color) - 100)
            assert near(seen[height // 2, column], expected), (opacity, column)


def test_zoom_enlarges_about_the_middle_and_goes_back(frame):
    frame.locator("input").fill("100")
    before = (screen(frame)[50, :, 0] < 100).sum()  # columns of ground, a quarter
    frame.get_by_label("larger").click()
    after = screen(frame)
    width = after.shape[1]
    left = width / 2 - 1.5 * (width / 2 - before)
    assert abs((after[50, :, 0] < 100).sum() - left) <= 3
    frame.get_by_label("smaller").click()
    assert abs((screen(frame)[50, :, 0] < 100).sum() - before) <= 1


def test_the_legend_has_names_as_text_and_shares_in_the_order_given(frame):
    assert frame.locator("li").all_inner_texts() == [f"{EVIL} 75.0%", "ground 25.0%"]
    assert frame.locator("img").count() == 2


def test_labels_without_a_class_are_refused():
    with pytest.raises(InputError, match="7"):
        notebook_viewer(np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 7, np.uint8), SPACE, shares={})
