"""The page of a run: curves, the newest validation, the settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atrous.evaluation.example import Example
from atrous.evaluation.report import Report
from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.plain import to_plain
from atrous.report.page import Page
from atrous.report.pictures import side_by_side
from atrous.report.plots import line_plot
from atrous.training.config import TrainConfig

PICTURE_HEIGHT = 240
"""Of one validation image, in pixels."""


def add_curves(page: Page, records: Sequence[Mapping[str, Any]]) -> None:
    """Loss, mIoU and learning rate over the iterations, of the records that have them."""
    page.heading("Curves")
    for name, title, unit in (
        ("loss", "Training loss", "nats"),
        ("miou", "Validation mIoU", "mIoU"),
        ("rate", "Learning rate", "rate"),
    ):
        points = [(record["iteration"], record[name]) for record in records if record.get(name) is not None]
        page.svg(line_plot({unit: points}, title=title, x_label="iteration", y_label=unit))


def write_picture(path: Path, examples: Sequence[Example], *, space: LabelSpace) -> None:
    """Write validation images as one PNG: a row per image with truth, prediction and mistakes."""
    rows = [side_by_side(example.pictures(space), height=PICTURE_HEIGHT) for example in examples]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(padded)).save(temporary)


def write_report(path: Path, records: Sequence[Mapping[str, Any]], *, report: Report, config: TrainConfig) -> None:
    """Write `report.html` of a run; safe to call again and again while it trains."""
    done = records[-1]["iteration"] if records else 0
    page = Page("Training run", f"{done} of {config.iterations} iterations")
    add_curves(page, records)
    report.add_to(page)
    page.heading("Settings")
    page.facts({name: str(value) for name, value in to_plain(config).items()})
    page.write(path)
