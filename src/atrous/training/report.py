"""The HTML page of a run: curves, the latest validation, the settings."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from atrous.data.loader import Batch
from atrous.evaluation.example import Example
from atrous.evaluation.report import Report
from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.model.config import ModelConfig
from atrous.plain import to_plain
from atrous.report.page import Page
from atrous.report.pictures import overlay, side_by_side, visible
from atrous.report.plots import line_plot
from atrous.report.tables import Cell
from atrous.training.config import TrainConfig
from atrous.training.settings import flat_settings
from atrous.weights.run_folder import CONFIG, LAST

PICTURE_HEIGHT = 240
"""Height of a validation image on the page, in pixels."""

MAX_CROPS = 8
"""Crops of a training batch that are shown."""


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


class NamedConfig(NamedTuple):
    """The settings of a recipe, under its name, before data and caller change them."""

    name: str
    config: TrainConfig


def write_picture(path: Path, examples: Sequence[Example], *, space: LabelSpace) -> None:
    """Write validation images as one PNG: a row per image with ground truth, prediction and errors."""
    rows = [side_by_side(example.pictures(space), height=PICTURE_HEIGHT) for example in examples]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(padded)).save(temporary)


def write_batch(path: Path, batch: Batch, *, space: LabelSpace) -> None:
    """Write the crops of a training batch as one PNG, as the network sees them, under their labels."""
    images, labels = batch.images.permute(0, 2, 3, 1).numpy(), batch.labels.numpy()
    crops = [
        (name, overlay(visible(image), label, space))
        for name, image, label in zip(batch.names, images, labels, strict=False)  # a replica has some of the images
    ]
    with atomic_path(path) as temporary:
        Image.fromarray(side_by_side(crops[:MAX_CROPS], height=PICTURE_HEIGHT)).save(temporary)


def write_report(
    path: Path,
    records: Sequence[Mapping[str, Any]],
    *,
    report: Report | None,
    config: TrainConfig,
    batch: Path | None = None,
    recipe: NamedConfig | None = None,
) -> None:
    """Write `report.html` of a run; may be called any number of times during training.

    Args:
        path: The page.
        records: Lines of `metrics.jsonl`.
        report: The latest validation, or None before the first.
        config: Settings of the run.
        batch: Picture of a training batch, shown where the file exists.
        recipe: The recipe that the settings came from; None for settings without one.
    """
    page = Page("Training run", str(path.parent.name))
    named = {"recipe": recipe.name} if recipe else {}
    page.facts({**_headline(records, report=report, config=config), **named})
    if report:
        report.add_to(page)
    add_curves(page, records)
    if batch is not None and batch.is_file():
        page.heading("A training batch", "Crops as the network sees them, scaled, mirrored and changed in colour.")
        with Image.open(batch) as picture:
            page.pictures([("the first batch", np.array(picture.convert("RGB")))], columns=1)
    page.heading("What next")
    page.commands(_commands(path.parent))
    base = recipe.config if recipe else TrainConfig(model=config.model)
    origin = f"recipe {recipe.name}" if recipe else "defaults"
    page.heading("Settings", f"Those that differ from the {origin}; all of them stand in {CONFIG}.")
    page.facts(_changed_settings(config, base))
    page.heading("Network")
    page.facts(_parts_of(config.model))
    page.write(path)


def _headline(records: Sequence[Mapping[str, Any]], *, report: Report | None, config: TrainConfig) -> dict[str, Cell]:
    """The numbers that stand at the top of the page: mIoU, iterations, time, network."""
    validations = [(record["miou"], record["iteration"]) for record in records if record.get("miou") is not None]
    best, at = max(validations, default=(None, None))
    facts: dict[str, Cell] = {
        "mIoU, latest": validations[-1][0] if validations else None,
        "mIoU, best": "none yet" if best is None else f"{best:.4f} at iteration {at}",
        "iterations": f"{records[-1]['iteration'] if records else 0} of {config.iterations}",
        "training time": _duration(training_seconds(records)),
        "backbone": config.model.backbone.kind,
        "output stride": config.model.output_stride,
    }
    if report:
        facts["validated on"] = f"{report.protocol.data.get('name', '')} {report.protocol.data.get('split', '')}"
        facts["validation images"] = len(report.images)
    return facts


def training_seconds(records: Sequence[Mapping[str, Any]]) -> float:
    """Time of all steps of a run, interruptions left out: that of each report's steps since the report before.

    Args:
        records: Lines of `metrics.jsonl`.
    """
    steps = [(record["iteration"], record["seconds"]) for record in records if record.get("seconds") is not None]
    starts = [0, *(iteration for iteration, _ in steps)]
    pairs = zip(starts, steps, strict=False)
    return sum(((iteration - start) * float(seconds) for start, (iteration, seconds) in pairs), 0.0)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _commands(folder: Path) -> list[tuple[str, str]]:
    """Next steps with the weights of a run, each with its command."""
    weights = shlex.quote(str(folder / LAST))
    return [
        ("label pictures", f"atrous predict {weights} PICTURES --out labels"),
        ("measure with scales and flip", f"atrous evaluate {weights} --data DATA --scales 0.75 1 1.25 --flip"),
        ("look at strides, rates and cost", f"atrous info {weights}"),
    ]


def _changed_settings(config: TrainConfig, base: TrainConfig) -> Mapping[str, Cell]:
    """Settings with other values than in `base`; what the data chose is among them."""
    settings, others = flat_settings(config), flat_settings(base)
    changed = {name: str(value) for name, value in settings.items() if name not in others or value != others[name]}
    changed.pop("classes", None)
    return changed or {"none": "all are as there"}


def _parts_of(model: ModelConfig) -> Mapping[str, Cell]:
    """The settings of every part of a network, in a line each."""
    return {part.replace("_", " "): _words(settings) for part, settings in to_plain(model).items()}


def _words(value: object) -> str:
    """A setting as text: names and values in one line, lists without brackets, yes and no for true and false."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_words(entry)}" for name, entry in value.items())
    if isinstance(value, list):
        return " ".join(f"({_words(entry)})" if isinstance(entry, list) else _words(entry) for entry in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
