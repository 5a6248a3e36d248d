"""What a report says, in all its forms."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from atrous.errors import InputError
from atrous.evaluation.boundaries import Trimap
from atrous.evaluation.counts import Counts, ImageCounts
from atrous.evaluation.example import LAYERS, Example
from atrous.evaluation.protocol import Protocol
from atrous.evaluation.report import Report
from atrous.labels import LabelSpace
from atrous.report.gallery import GalleryImage
from atrous.report.page import Page

SPACE = LabelSpace(names=("sky", "<script>alert(1)</script>", "never seen"))
PROTOCOL = Protocol(
    data={"name": "Streets", "split": "val", "split_rule": "val.txt", "images": 2, "licence": "ours"},
    output_stride=8,
    scales=(0.5, 1.0),
    flip=True,
    ignore=255,
    weights_sha256="c0ffee",
    device="cuda",
    precision="float32",
    size_rule="pad 513x513",
    trimap="void",
)
EXAMPLE = Example(
    name="<b>a</b>",
    image=np.zeros((4, 6, 3), np.uint8),
    truth=np.full((4, 6), 1, np.uint8),
    prediction=np.zeros((4, 6), np.uint8),
    wrong=0.25,
)
# IoU 3/5 and 4/6; accuracy 3/4 and 4/5; 7 of 9 pixels are right, 4 of 9 are sky.
MATRIX = np.array([[3, 1, 0], [1, 4, 0], [0, 0, 0]])
# Boundary IoU 1/3 and 1/4; inside the bands 1/2 from four pixels on, nothing nearer.
BOUNDARY = np.array([[1, 1, 0], [2, 2, 0], [2, 3, 0]])
BANDS = np.stack([np.zeros((3, 3), np.int64)] * 2 + [np.array([[1, 1, 0], [1, 2, 0], [2, 1, 0]])] * 4)
IMAGES = tuple(
    ImageCounts.of(np.array(matrix), name=name, sequence="")
    for name, matrix in (("a", [[3, 0, 0], [0, 0, 0], [0, 0, 0]]), ("b", [[0, 1, 0], [1, 4, 0], [0, 0, 0]]))
)
COUNTS = Counts(MATRIX, boundary=BOUNDARY, trimap=Trimap("void", overlaps=BANDS))
REPORT = Report(PROTOCOL, space=SPACE, counts=COUNTS, images=IMAGES, worst=(EXAMPLE,))
EMPTY = Report(PROTOCOL, space=SPACE, counts=Counts.zeros(3))


def test_json_holds_numbers_by_class_name_and_null_for_absent_classes(tmp_path):
    REPORT.write_json(tmp_path / "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["miou"] == pytest.approx((3 / 5 + 4 / 6) / 2)
    assert found["pixel_accuracy"] == pytest.approx(7 / 9)
    assert found["iou"] == {"sky": pytest.approx(3 / 5), SPACE.names[1]: pytest.approx(4 / 6), "never seen": None}
    assert found["class_accuracy"]["sky"] == pytest.approx(3 / 4)
    assert found["confusion"]["pixels"] == [[3, 1, 0], [1, 4, 0], [0, 0, 0]]
    assert found["boundary_miou"] == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert found["boundary_iou"] == {"sky": pytest.approx(1 / 3), SPACE.names[1]: 1 / 4, "never seen": None}
    assert found["trimap"] == {"widths": [1, 2, 4, 8, 16, 32], "miou": [None, None, *[0.5] * 4]}
    counts = {"classes": [0], "both": [3], "truth": [3], "predicted": [3]}
    assert found["images"][0] == {"name": "a", "sequence": "", **counts}


def test_json_puts_rows_of_numbers_in_a_line_and_leaves_names_alone(tmp_path):
    odd = replace(REPORT, space=LabelSpace(names=("[ 1,  2 ]", "[\n1\n]", "b")))
    odd.write_json(tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text()
    assert '"widths": [ 1, 2, 4, 8, 16, 32 ]' in text
    assert tuple(json.loads(text)["iou"]) == odd.space.names


def test_the_interval_spans_the_draws_of_two_images():
    """Of two images both are drawn half of the time, each alone a quarter: three values, all within 95 %."""
    found = REPORT.to_json()["miou_interval"]
    assert found["low"] == pytest.approx((0 + 4 / 6) / 2)
    assert found["high"] == 1
    assert (found["blocks"], found["confidence"], found["resamples"], found["seed"]) == (2, 0.95, 1000, 0)
    assert EMPTY.to_json()["miou_interval"] is None


def test_json_holds_the_whole_protocol():
    found = REPORT.to_json()["protocol"]
    assert found.pop("data") == dict(PROTOCOL.data)
    assert found.pop("software").startswith("atrous ")
    assert found == {
        "size_rule": "pad 513x513",
        "output_stride": 8,
        "scales": [0.5, 1.0],
        "flip": True,
        "ignore": 255,
        "weights_sha256": "c0ffee",
        "device": "cuda",
        "precision": "float32",
        "boundary_distance": 0.02,
        "trimap": "void",
    }


def test_json_without_any_number_is_still_json():
    found = json.loads(json.dumps(EMPTY.to_json(), allow_nan=False))
    assert found["miou"] is None
    assert set(found["iou"].values()) == {None}


def test_text_shows_classes_mean_and_protocol():
    lines = REPORT.to_text().splitlines()
    assert re.split(r"\s{2,}", lines[2]) == ["sky", "0.6000", "0.3333", "0.7500", "44.44%"]
    assert re.split(r"\s{2,}", lines[4]) == ["never seen", "–", "–", "–", "0.00%"]
    assert re.split(r"\s{2,}", lines[5]) == ["mean", "0.6333", "0.2917", "0.7750", "–"]
    facts = dict(re.split(r"\s{2,}", line) for line in lines[7:])
    assert facts["pixel accuracy"] == "0.7778"
    assert facts["mIoU, 95 % interval"] == "0.3333 to 1.0000 (2 images)"
    assert facts["trimap mIoU"] == "1 px –, 2 px –, 4 px 0.5000, 8 px 0.5000, 16 px 0.5000, 32 px 0.5000"
    assert facts["trimap"] == "around void"
    assert facts["image size"] == "pad 513x513"
    assert facts["data: name"] == "Streets"
    assert facts["scales"] == "0.5, 1"
    assert facts["flip"] == "yes"
    assert facts["weights (sha256)"] == "c0ffee"


def test_the_page_escapes_names_and_shows_four_pictures_per_image(tmp_path):
    REPORT.write_html(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "<script" not in html
    assert "<b>a</b>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert html.count("<img ") == 4
    assert "25.0% wrong" in html
    assert html.count("<svg") == 3
    assert "bands around void" in html
    assert "0.3333 to 1.0000 (2 images)" in html
    assert "c0ffee" in html
    assert "0.6333" in html


@pytest.mark.parametrize(("shown", "told"), [(1, "1 of the 2 images, evenly spread"), (2, "All images")])
def test_a_gallery_takes_the_place_of_the_worst_images(shown, told, tmp_path):
    picture = np.zeros((4, 6, 3), np.uint8)
    layers = dict.fromkeys(LAYERS, picture)
    images = [GalleryImage.encoded(f"street {n}", picture, layers, scores={}, mean=None) for n in range(shown)]
    replace(REPORT, gallery=tuple(images)).write_html(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert told in html
    assert "Where it is wrong" not in html
    for index in range(2):
        assert (f"street {index}" in html) == (index < shown)
    assert html.count("data:image/jpeg") == shown
    assert html.count("data:image/png") == shown * len(LAYERS)


def test_without_a_labelled_pixel_the_page_says_so(tmp_path):
    page = Page("run")
    EMPTY.add_to(page)
    page.write(tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert html.count("nothing labelled") == 2
    assert "Where it is wrong" not in html


def test_a_report_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    for write in (REPORT.write_json, REPORT.write_html):
        with pytest.raises(InputError, match="cannot write"):
            write(tmp_path / "taken" / "report")


def test_the_table_of_images_has_a_line_each_and_nothing_where_a_class_is_absent(tmp_path):
    REPORT.write_csv(tmp_path / "images.csv")
    rows = list(csv.reader((tmp_path / "images.csv").read_text(encoding="utf-8").splitlines()))
    assert rows == [
        ["image", "mIoU", *SPACE.names],
        ["a", "1.0000", "1.0000", "", ""],
        ["b", "0.3333", "0.0000", "0.6667", ""],
    ]
