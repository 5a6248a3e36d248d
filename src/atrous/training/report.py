"""The page of a run: curves, the newest validation, the settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atrous.evaluation.report import Example, Report
from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.plain import to_plain
from atrous.report.page import Page
from atrous.report.pictures import colorize, error_map, side_by_side
from atrous.report.plots import line_plot
from atrous.training.config import TrainConfig

PICTURE_HEIGHT = 240
"""Of one validation image, in pixels."""


def curve(records: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """(iteration, value) of every record that has this value."""
    return [(float(record["iteration"]), float(record[name])) for record in records if record.get(name) is not None]


def write_picture(path: Path, examples: Sequence[Example], *, space: LabelSpace) -> None:
    """Write validation images as one PNG: a row per image with truth, prediction and mistakes."""
    rows = [
        side_by_side(
            [
                (example.name, example.image),
                ("truth", colorize(example.truth, space)),
                ("prediction", colorize(example.labels, space)),
                (f"{example.wrong:.1%} wrong", error_map(example.labels, example.truth, space)),
            ],
            height=PICTURE_HEIGHT,
        )
        for example in examples
    ]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(padded)).save(temporary)


def write_report(path: Path, records: Sequence[Mapping[str, Any]], *, report: Report, config: TrainConfig) -> None:
    """Write `report.html` of a run; safe to call again and again while it trains."""
    done = records[-1]["iteration"] if records else 0
    page = Page("Training run", f"{done} of {config.iterations} iterations")
    page.heading("Curves")
    page.svg(line_plot({"loss": curve(records, "loss")}, title="Training loss", x_label="iteration", y_label="nats"))
    page.svg(line_plot({"mIoU": curve(records, "miou")}, title="Validation mIoU", x_label="iteration", y_label="mIoU"))
    page.svg(line_plot({"rate": curve(records, "rate")}, title="Learning rate", x_label="iteration", y_label="rate"))
    report.add_to(page)
    page.heading("Settings")
    page.facts({name: str(value) for name, value in to_plain(config).items()})
    page.write(path)
