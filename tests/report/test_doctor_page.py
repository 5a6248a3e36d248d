"""The doctor's page in a browser: its tables and drawings fit a phone, in light and dark."""

import pytest
from PIL import Image

from atrous.cli.main import main
from fakes import broken


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A data set with two splits, and masks large enough for numbers of millions of pixels."""
    folder = broken.sound_folder(tmp_path_factory.mktemp("page") / "data")
    for name in ("photo1", "photo9"):
        for path in (folder / "images" / f"{name}.jpg", folder / "masks" / f"{name}.png"):
            with Image.open(path) as picture:
                picture.resize((2000, 1500), Image.Resampling.NEAREST).save(path)
    broken.schema(folder, 'classes = ["background", "traffic light", "pedestrian"]\n')
    page = folder.parent / "page.html"
    assert main(["doctor", str(folder), "--html", str(page)]) == 0
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_table_and_drawing_fits_a_phone(silent_page, page_file, scheme):
    opened = silent_page(page_file, width=390, height=844)
    opened.emulate_media(color_scheme=scheme)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    captions = opened.locator("caption").all_inner_texts()
    assert [caption.strip() for caption in captions] == ["Pixels of train", "Pixels of val"]
    tables = opened.locator("table").all()
    for table in tables:
        box = table.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390, table.inner_text()
    letters = opened.evaluate("""[...document.querySelectorAll(".plot text")].map((text) =>
        parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)""")
    assert min(letters) > 9  # pixels: they can be read
    scrolling = "element => element.scrollWidth > element.clientWidth"
    boxes = opened.locator(".plot, .scroll").all()
    assert len(boxes) > len(tables)
    assert not any(box.evaluate(scrolling) for box in boxes)
