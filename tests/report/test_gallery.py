"""The gallery in a browser: every control does what it says, nothing is loaded, nothing is said on the console."""

import base64
import hashlib
import io
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from atrous.labels import LabelSpace
from atrous.report.gallery import LARGEST_SIDE, GalleryImage
from atrous.report.page import Page
from atrous.report.tables import Table

SPACE = LabelSpace(("ground", "<i>sky</i>", "tower"), ((10, 20, 30), (100, 150, 200), (250, 0, 1)))
SCORES = {
    "b<script>alert(1)</script>": ({"ground": 0.9, "<i>sky</i>": None, "tower": 0.1}, 0.5),
    "a10": ({"ground": 0.4, "<i>sky</i>": 0.2, "tower": 0.9}, 0.6),
    "a9": ({"ground": None, "<i>sky</i>": 0.3, "tower": None}, 0.3),
    "empty": ({"ground": None, "<i>sky</i>": None, "tower": None}, None),
}
HEIGHT, WIDTH = 30, 40


def layer(value):
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    images = [
        GalleryImage.encoded(
            name, layer(200), {"prediction": layer((250, 0, 1)), "truth": layer((10, 20, 30))}, scores=scores, mean=mean
        )
        for name, (scores, mean) in SCORES.items()
    ]
    path = tmp_path_factory.mktemp("page") / "report.html"
    page = Page("A run").heading("Images").legend(SPACE)
    page.gallery(images, space=SPACE, layers=("prediction", "truth")).write(path)
    return path


@pytest.fixture
def opened(silent_page, page_file):
    """The page in a window of a desktop."""
    return silent_page(page_file, width=1200, height=800)


def names(page):
    return page.locator(".card:visible figcaption span").all_inner_texts()


def test_images_are_sorted_by_mean_by_class_and_by_name(opened):
    evil = "b<script>alert(1)</script>"
    assert names(opened) == ["a9", evil, "a10", "empty"]
    opened.locator("[name=order]").select_option("best")
    assert names(opened) == ["a10", evil, "a9", "empty"]
    opened.locator("[name=class]").select_option("tower")
    assert names(opened)[:2] == ["a10", evil]
    assert opened.locator(".card:visible .score").all_inner_texts()[:3] == ["0.900", "0.100", "–"]
    opened.locator("[name=order]").select_option("name")
    assert names(opened) == ["a9", "a10", evil, "empty"]


def test_a_class_keeps_the_images_that_have_it(opened):
    opened.locator("[name=filter]").select_option("<i>sky</i>")
    assert names(opened) == ["a9", "a10"]
    assert opened.locator(".count").inner_text() == "2 of 4 images"


def pixel(page, x, y):
    shot = Image.open(io.BytesIO(page.screenshot()))
    return np.array(shot.convert("RGB"))[y, x].astype(int)


def test_the_slider_blends_the_chosen_layer_over_the_photo(opened):
    box = opened.locator(".card:visible img").first.bounding_box()
    x, y = int(box["x"] + box["width"] / 2), int(box["y"] + box["height"] / 2)
    for opacity, value in ((0, (200, 200, 200)), (50, (225, 100, 100.5)), (100, (250, 0, 1))):
        opened.locator("[name=opacity]").fill(str(opacity))
        assert np.abs(pixel(opened, x, y) - value).max() <= 2
    opened.locator("[name=layer]").select_option("truth")
    assert np.abs(pixel(opened, x, y) - (10, 20, 30)).max() <= 2


def test_an_image_is_enlarged_moved_through_and_closed_by_keys(opened):
    opened.locator(".card:visible button").first.focus()
    opened.keyboard.press("Enter")
    dialog = opened.locator("dialog")
    assert dialog.locator("h3").inner_text() == "a9"
    assert dialog.locator(".scores").inner_text() == "<i>sky</i> 0.300"
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowRight")
    assert dialog.locator("h3").inner_text() == "a10"
    assert dialog.locator(".scores li").all_inner_texts() == ["<i>sky</i> 0.200", "ground 0.400", "tower 0.900"]
    opened.keyboard.press("ArrowLeft")
    assert dialog.locator(".place").inner_text() == "2 of 4"
    opened.keyboard.press("+")
    assert dialog.locator(".zoom").inner_text() == "150 %"
    before = dialog.locator(".stage").bounding_box()
    frame = dialog.locator(".frame").bounding_box()
    center = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    opened.mouse.move(*center)
    opened.mouse.down()
    opened.mouse.move(center[0] + 30, center[1] - 20)
    opened.mouse.up()
    after = dialog.locator(".stage").bounding_box()
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((30, -20), abs=1)
    opened.keyboard.press(" ")
    assert opened.locator("[name=opacity]").input_value() == "0"
    opened.keyboard.press("Escape")
    assert not dialog.is_visible()
    # The page's policy forbids scripts as text, which `wait_for_function` needs from its second try on.
    opened.locator(".card[data-name^='b<script>'] :focus").wait_for()


def test_the_wheel_enlarges_about_the_pointer(opened):
    opened.locator(".card:visible button").first.click()
    frame = opened.locator(".frame").bounding_box()
    x, y = frame["x"] + frame["width"] / 4, frame["y"] + frame["height"] / 4
    opened.mouse.move(x, y)
    opened.mouse.wheel(0, -100)
    stage = opened.locator(".stage").bounding_box()
    assert stage["width"] == pytest.approx(frame["width"] * 1.25, rel=0.01)
    assert (x - stage["x"]) / stage["width"] == pytest.approx(0.25, abs=0.01)


def test_nothing_serious_for_people_who_cannot_see_or_point(opened):
    found = Axe().run(opened).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    opened.locator(".card:visible button").first.click()
    found = Axe().run(opened).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_a_phone_shows_two_columns_and_scrolls_only_down(browser, page_file):
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    tops = [card.bounding_box()["y"] for card in page.locator(".card:visible").all()]
    assert tops[0] == tops[1] != tops[2]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_tables_of_classes_and_of_findings_fit_a_phone(browser, tmp_path):
    page = Page("A data set")
    page.table(
        Table(("about", "file, value, remedy"), (("palette", f"/data/{'SegmentationClass' * 6}/a.png: a line"),))
    )
    rows = (("traffic light", 0.8478, 0.5563, 0.9308), ("mean", 0.2826, 0.1854, 0.3103))
    page.table(Table(("class", "IoU", "boundary IoU", "accuracy"), rows))
    page.write(tmp_path / "page.html")
    context = browser.new_context(viewport={"width": 375, "height": 800}, is_mobile=True)
    shown = context.new_page()
    shown.goto((tmp_path / "page.html").as_uri())
    widths = shown.evaluate(
        "[...document.querySelectorAll('.scroll')].map((one) => [one.scrollWidth, one.clientWidth])"
    )
    assert len(widths) == 2
    assert all(content <= frame for content, frame in widths)
    context.close()


def test_the_policy_names_the_script_by_its_hash_and_pages_without_one_allow_none(page_file, tmp_path):
    html = page_file.read_text()
    script = re.search(r"<script type=\"module\">(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'; img-src data:;" in html
    assert html.count("<script") == 1
    Page("Plain").text("nothing").write(tmp_path / "plain.html")
    assert "script" not in (tmp_path / "plain.html").read_text()


def test_images_are_shrunk_and_layers_keep_their_colours():
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    flat = colors[rng.integers(0, 256, (300, 1280))]
    image = GalleryImage.encoded("wide", flat, {"labels": flat}, scores={}, mean=None)
    photo, labels = (Image.open(io.BytesIO(content)) for content in (image.photo, image.layers["labels"]))
    assert photo.size == labels.size == (LARGEST_SIDE, 150)
    expected = Image.fromarray(flat).resize((LARGEST_SIDE, 150), Image.Resampling.NEAREST)
    assert labels.mode == "P"
    assert np.array_equal(np.array(labels.convert("RGB")), np.array(expected))
