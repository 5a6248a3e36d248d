"""The page of a run: curves, the newest validation, the settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atrous.evaluation.report import Report
from atrous.plain import to_plain
from atrous.report.page import Page
from atrous.report.plots import line_plot
from atrous.training.config import TrainConfig


def curve(records: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """(iteration, value) of every record that has this value."""
    return [(float(record["iteration"]), float(record[name])) for record in records if record.get(name) is not None]


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
