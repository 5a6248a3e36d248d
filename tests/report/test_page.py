"""The one-file page, read back as a browser would."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.report.label_colors import colorize
from atrous.report.page import Page
from atrous.report.plots import bar_plot, line_plot
from atrous.report.tables import Table

HOSTILE = "<script>alert(1)</script>"
SPACE = LabelSpace(("road", HOSTILE), ((1, 2, 3), (200, 100, 50)))


class Reader(HTMLParser):
    """Collects tags with attributes, and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.pieces = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.pieces.append(data)

    @property
    def text(self):
        return "".join(self.pieces)


def written(page, tmp_path):
    page.write(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def full_page(name, picture):
    return (
        Page(name, name)
        .heading(name, name)
        .text(name)
        .facts({name: name, "mean IoU": 0.81234})
        .table(Table((name, "IoU"), ((name, None),), caption=name))
        .svg(line_plot({name: [(0, 1.0)], "b": [(0, 2.0)]}, title=name, x_label=name, y_label=name))
        .svg(bar_plot({name: 0.5}, title=name, x_label=name))
        .legend(SPACE)
        .pictures([(name, picture)])
    )


def test_a_class_called_script_is_text_everywhere(tmp_path):
    html = written(full_page(HOSTILE, colorize(np.array([[0, 1]]), SPACE)), tmp_path)
    page = Reader(html)
    assert not [tag for tag, _ in page.tags if tag == "script"]
    # Tab and h1, subtitle, heading, note, text, fact name and value, table head, cell and caption, 4 + 3 in the plots
    # (the second plot's title is one of the 3), legend, picture caption.
    assert page.text.count(HOSTILE) == 2 + 1 + 2 + 1 + 2 + 3 + 4 + 3 + 1 + 1
    assert HOSTILE not in html


@pytest.mark.parametrize(
    "name", ['"><img src=x onerror=alert(1)>', "</style></title><iframe>", "' onload='alert(1)", "{{ 7*7 }}"]
)
def test_no_name_breaks_out_of_its_place(tmp_path, name):
    harmless = Reader(written(full_page("name", colorize(np.array([[0, 1]]), SPACE)), tmp_path))
    page = Reader(written(full_page(name, colorize(np.array([[0, 1]]), SPACE)), tmp_path))

    def skeleton(reader):
        return [(tag, sorted(attributes)) for tag, attributes in reader.tags]

    assert skeleton(page) == skeleton(harmless)
    assert page.text.count(name) == harmless.text.count("name")


def test_the_file_asks_for_nothing_and_forbids_scripts(tmp_path):
    page = Reader(written(full_page("name", colorize(np.array([[0, 1]]), SPACE)), tmp_path))
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src" not in policies[0]
    targets = [a[key] for _, a in page.tags for key in ("src", "href", "xlink:href", "srcset", "data") if key in a]
    assert targets
    assert all(target.startswith(("data:image/", "#")) for target in targets)
    assert not {"script", "link", "iframe", "object", "embed", "foreignobject"} & {tag for tag, _ in page.tags}
    assert not re.search(r"@import|url\((?!#)", page.text)


def image_of(html):
    source = re.search(r'<img src="data:image/(png|jpeg);base64,([^"]+)"', html)
    assert source
    return source[1], Image.open(io.BytesIO(base64.b64decode(source[2])))


def test_flat_pictures_are_kept_exactly_and_photos_nearly(tmp_path):
    flat = colorize(np.array([[0, 1, 255], [1, 1, 0]]), SPACE)
    kind, image = image_of(written(Page("t").pictures([("labels", flat)]), tmp_path))
    assert kind == "png"
    assert np.array_equal(np.asarray(image), flat)
    y, x = np.mgrid[:64, :96]
    photo = np.stack([x * 2, y * 3, x + y], axis=-1).astype(np.uint8)
    kind, image = image_of(written(Page("t").pictures([("photo", photo)]), tmp_path))
    assert kind == "jpeg"
    assert np.abs(np.asarray(image, np.int16) - photo).mean() < 2


def test_only_small_pictures_are_enlarged_by_repeating_pixels(tmp_path):
    pictures = [("small", np.zeros((9, 319, 3), np.uint8)), ("large", np.zeros((9, 320, 3), np.uint8))]
    tags = Reader(written(Page("t").pictures(pictures, columns=2), tmp_path)).tags
    assert [a.get("class") for tag, a in tags if tag == "img"] == ["small", None]
    assert [a["style"] for _, a in tags if a.get("class") == "grid"] == ["--columns: 2"]


def test_legend_shows_every_colour_and_the_ignored_one(tmp_path):
    page = Reader(written(Page("t").legend(SPACE), tmp_path))
    assert [a["style"] for tag, a in page.tags if tag == "i"] == [
        "background: rgb(1 2 3)", "background: rgb(200 100 50)", "background: rgb(255 255 255)"
    ]  # fmt: skip
    assert f"road\n{HOSTILE}\nignored" in page.text


def test_facts_show_numbers_like_tables_and_absent_ones_as_a_dash(tmp_path):
    html = written(Page("t").facts({"parameters": 2140000, "mIoU": 0.81234, "best": None}), tmp_path)
    pairs = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    assert pairs == [("parameters", "2,140,000"), ("mIoU", "0.8123"), ("best", "–")]


def test_names_that_cannot_be_encoded_are_written_all_the_same(tmp_path):
    assert "<h1>a\ufffdb</h1>" in written(Page("a\ud800b"), tmp_path)


def test_blocks_stand_in_the_order_of_the_calls(tmp_path):
    text = Reader(written(Page("t").text("one").heading("two", "three").text("four"), tmp_path)).text
    assert text.index("one") < text.index("two") < text.index("three") < text.index("four")


def test_an_unwritable_place_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*; choose another output folder"):
        Page("t").write(tmp_path / "file" / "report.html")
