"""The HTML page of a run: curves, the latest validation, the settings."""

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
"""Height of a validation image on the page, in pixels."""


def add_curves(page: Page, records: Sequence[Mapping[str, Any]]) -> None:
    """Add curves of loss, mIoU, learning rate and time over the iterations."""
    page.heading("Curves")
    charts = []
    for name, title, unit in (
        ("loss", "Training loss", "nats"),
        ("miou", "Validation mIoU", "mIoU"),
        ("rate", "Learning rate", "rate"),
    ):
        charts.append(line_plot({unit: _points(records, name)}, title=title, x_label="iteration", y_label=unit))
    times = {"all": _points(records, "seconds"), "waiting for data": _points(records, "data_seconds")}
    charts.append(line_plot(times, title="Time of a step", x_label="iteration", y_label="seconds"))
    page.charts(charts)


def _points(records: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    return [(record["iteration"], record[name]) for record in records if record.get(name) is not None]


def write_picture(path: Path, examples: Sequence[Example], *, space: LabelSpace) -> None:
    """Write validation images as one PNG: a row per image with ground truth, prediction and errors."""
    rows = [side_by_side(example.pictures(space), height=PICTURE_HEIGHT) for example in examples]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(padded)).save(temporary)


def write_report(
    path: Path, records: Sequence[Mapping[str, Any]], *, report: Report | None, config: TrainConfig
) -> None:
    """Write `report.html` of a run; may be called any number of times during training."""
    done = records[-1]["iteration"] if records else 0
    page = Page("Training run", f"{done} of {config.iterations} iterations")
    add_curves(page, records)
    if report:
        report.add_to(page)
    page.heading("Settings")
    page.facts({name: str(value) for name, value in to_plain(config).items()})
    page.write(path)
