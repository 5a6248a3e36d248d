"""The page of a run: what it says at first sight, by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from atrous.data.loader import Batch
from atrous.labels import LabelSpace
from atrous.model.presets import preset
from atrous.training.report import NamedConfig, _points, write_batch, write_report
from fakes.run import changed

RECORDS = [
    {"iteration": 10, "loss": 2.0, "rate": 0.1, "seconds": 3.0, "data_seconds": 0.1},
    {"iteration": 30, "loss": 1.0, "rate": 0.1, "seconds": 180.0, "data_seconds": 0.1},
    {"iteration": 30, "miou": 0.7, "pixel_accuracy": 0.9},
    {"iteration": 40, "loss": 0.5, "rate": 0.1, "seconds": 3.0, "data_seconds": 0.1},
    {"iteration": 40, "miou": 0.6, "pixel_accuracy": 0.9},
]


def facts(html):
    """Names and values as they are shown, the first of equal names: the headline stands above the settings."""
    return dict(reversed(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)))


def test_the_page_opens_with_what_a_run_is_judged_by(tmp_path):
    page = tmp_path / "street" / "report.html"
    write_report(page, RECORDS, report=None, config=changed(iterations=60, crop=(33, 49)))
    html = page.read_text()
    shown = facts(html)
    assert shown["mIoU, latest"] == "0.6000"
    assert shown["mIoU, best"] == "0.7000 at iteration 30"
    assert shown["iterations"] == "40 of 60"
    assert shown["training time"] == "1 h 1 min"  # 10 steps of 3 s, 20 of 180 s, 10 of 3 s
    assert shown["crop"] == "(33, 49)"
    assert "learning_rate" not in shown  # it is the default
    assert f"<code>atrous predict {page.parent / 'last.safetensors'} PICTURES --out labels</code>" in html


def test_curves_have_a_heading_and_the_points_of_their_records(tmp_path):
    write_report(tmp_path / "report.html", RECORDS, report=None, config=changed())
    html = (tmp_path / "report.html").read_text()
    assert html.index("<h2>Curves") < html.index("Validation mIoU")
    assert _points(RECORDS, "miou") == [(30, 0.7), (40, 0.6)]
    assert _points([{"iteration": 5, "loss": None}, *RECORDS], "loss") == [(10, 2.0), (30, 1.0), (40, 0.5)]


def test_settings_are_those_that_differ_from_the_recipe(tmp_path):
    recipe = NamedConfig("street", changed(iterations=60, jitter=0.3))
    config = changed(iterations=60, jitter=0.3, crop=(33, 49), learning_rate=0.5)
    write_report(tmp_path / "report.html", RECORDS, report=None, config=config, recipe=recipe)
    html = (tmp_path / "report.html").read_text()
    shown = facts(html)
    assert "Those that differ from the recipe street" in html
    assert (shown["recipe"], shown["crop"], shown["learning_rate"]) == ("street", "(33, 49)", "0.5")
    assert "jitter" not in shown
    of_data = replace(config, model=replace(config.model, classes=config.model.classes + 4))
    write_report(tmp_path / "report.html", RECORDS, report=None, config=of_data, recipe=recipe)
    html = (tmp_path / "report.html").read_text()
    settings = html[html.index("Those that differ from the recipe") :].partition("<h2>")[0]
    assert "learning_rate" in settings
    assert "classes" not in facts(settings)  # the number of them is the data's


def test_the_network_is_a_line_for_every_part(tmp_path):
    config = replace(changed(), model=preset("deeplabv3plus_efficientnet_lite0"))
    write_report(tmp_path / "report.html", RECORDS, report=None, config=config)
    html = (tmp_path / "report.html").read_text()
    shown = facts(html[html.index("<h2>Network") :])
    assert shown["head"] == (
        "rates 6 12 18, aspp channels 256, image pooling yes, separable yes, projection (1 256 no), dropout 0.1"
    )
    assert shown["decoder"].startswith("low level channels 48, refinement (3 256 yes) (3 256 yes)")
    assert shown["backbone"] == "kind efficientnet_lite, variant 0"


def test_a_page_without_a_validation_says_so(tmp_path):
    write_report(tmp_path / "report.html", [], report=None, config=changed())
    shown = facts((tmp_path / "report.html").read_text())
    assert shown["mIoU, best"] == "none yet"
    assert shown["training time"] == "0 min 0 s"


def test_the_first_batch_is_shown_as_the_network_sees_it(tmp_path):
    space = LabelSpace(("ground", "sky"), ((250, 0, 1), (0, 0, 200)))
    images = torch.full((2, 3, 240, 240), 100, dtype=torch.uint8)
    labels = torch.zeros(2, 240, 240, dtype=torch.uint8)
    labels[1] = 255
    write_batch(tmp_path / "batch.png", Batch(images, labels, ("a", "b", "of another replica")), space=space)
    picture = np.array(Image.open(tmp_path / "batch.png")).astype(float)
    width = (picture.shape[1] - 240 * 2) + 240  # left edge of the second crop
    labelled, ignored = picture[-120, 120], picture[-120, width + 120]
    assert labelled == pytest.approx(0.45 * np.array([100.0] * 3) + 0.55 * np.array([250, 0, 1]), abs=1)
    assert ignored == pytest.approx([100, 100, 100], abs=1)
    write_report(tmp_path / "report.html", [], report=None, config=changed(), batch=tmp_path / "batch.png")
    assert "A training batch" in (tmp_path / "report.html").read_text()
