"""The doctor's page: every finding, class balance, values, samples under their labels, pictures that look alike."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atrous.data.doctor.diagnose import Diagnosis
from atrous.data.doctor.examine import Examined
from atrous.data.doctor.finding import Grade
from atrous.data.doctor.totals import value_histogram
from atrous.data.formats.tiff import read_picture
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.report.overlay_colors import background_class, bright_space
from atrous.report.page import Page
from atrous.report.pictures import overlay, visible
from atrous.report.plots import bar_plot
from atrous.report.tables import Cell, Table

SAMPLES, DUPLICATES, BARS = 9, 12, 64
"""Most that are shown: pictures under their labels, pairs that look alike, bars of values."""
_WIDTH = 480
_TITLES = {
    Grade.ERROR: ("Errors", "Training refuses to start."),
    Grade.WARNING: (
        "Warnings",
        "Training starts, but the result will be worse than it could be, or seem better than it is.",
    ),
    Grade.NOTE: ("Notes", "Nothing is wrong; worth knowing."),
}

Picture = UInt8[np.ndarray, "_ _ 3"]


def write_page(path: Path, diagnosis: Diagnosis) -> None:
    """Write the page as one file.

    Raises:
        InputError: If it cannot be written.
    """
    files = diagnosis.survey
    page = Page(f"Data set {files.path.resolve().name}", _verdict(diagnosis))
    page.facts(_facts(diagnosis))
    for grade, (title, meaning) in _TITLES.items():
        if rows := tuple((one.kind, one.line) for one in diagnosis.findings if one.grade == grade):
            page.heading(f"{title} ({len(rows)})", meaning)
            page.table(Table(("about", "file, value, remedy"), rows))
    if diagnosis.schema is not None:
        _add_balance(page, diagnosis, diagnosis.schema.labels)
        _add_samples(page, diagnosis, diagnosis.schema.labels)
    _add_values(page, diagnosis)
    _add_duplicates(page, diagnosis)
    page.write(path)


def _verdict(diagnosis: Diagnosis) -> str:
    if diagnosis.errors:
        return "Not ready: training refuses to start until the errors are gone."
    return "Ready to train on."


def _facts(diagnosis: Diagnosis) -> dict[str, str | int]:
    files, schema = diagnosis.survey, diagnosis.schema
    sizes = sorted({one.size[:2] for one in diagnosis.examined if one.size}, key=lambda size: (size[0] * size[1], size))
    sizes_text = (
        " to ".join(f"{width} x {height}" for height, width in dict.fromkeys((sizes[0], sizes[-1]))) if sizes else "–"
    )
    splits = {f"pictures in {name}": len(split.pairs) for name, split in files.splits.items()}
    classes = len(schema.labels) if schema else "unknown"
    return {"layout": files.layout or "unknown", **splits, "size": sizes_text, "classes": classes}


def _add_balance(page: Page, diagnosis: Diagnosis, space: LabelSpace) -> None:
    totals = {split: total for split, total in diagnosis.totals.items() if total.pixels}
    if not totals:
        return
    page.heading("Class balance", "Shares of the labelled pixels, and in how many pictures a class occurs.")
    for split, total in totals.items():
        labelled = max(int(total.counts.sum()), 1)
        shares = {name: count / labelled for name, count in zip(space.names, total.counts.tolist(), strict=True)}
        page.svg(bar_plot(shares, title=f"Class balance of {split}", x_label="share of labelled pixels", spec=".2%"))
        numbers = zip(space.names, total.counts.tolist(), total.shown.tolist(), strict=True)
        rows: list[tuple[Cell, ...]] = [(name, count, count / labelled, shown) for name, count, shown in numbers]
        rows.append(("ignored (of all)", total.ignored, total.ignored / total.pixels, None))
        # A table for each split: side by side they would not fit on a phone.
        columns = ("class", "pixels", "share", "pictures")
        page.table(Table(columns, tuple(rows), f"Pixels of {split}", formats=("", ",", ".3%", ",")))


def _add_values(page: Page, diagnosis: Diagnosis) -> None:
    histogram = value_histogram(diagnosis.examined)
    if not histogram:
        return
    page.heading("Values in the masks", "Numbers and colours as they stand in the files, before any schema.")
    pixels, shown = sum(histogram.values()), dict(list(histogram.items())[:BARS])
    shares = {name: count / pixels for name, count in shown.items()}
    page.svg(bar_plot(shares, title="Values in the masks", x_label="share of all pixels", spec=".2%"))
    if len(histogram) > len(shown):
        page.text(f"And {len(histogram) - len(shown)} more.")


def _add_samples(page: Page, diagnosis: Diagnosis, space: LabelSpace) -> None:
    space = bright_space(space)
    pictures = [picture for one in _samples(diagnosis) for picture in _under_labels(one, diagnosis, space)]
    if pictures:
        page.heading("Samples", "Of every class, rare ones first, the picture that shows most of it.")
        page.legend(space)
        page.pictures(pictures)


def _samples(diagnosis: Diagnosis) -> list[Examined]:
    """Pictures that show all classes, if so many suffice."""
    sound = [one for one in diagnosis.examined if one.mask and one.mask.counts is not None and not one.faults]
    if not sound:
        return []
    shares = np.array(
        [one.mask.counts / one.mask.counts.sum().clip(1) for one in sound if one.mask and one.mask.counts is not None]
    )
    best = [int(shares[:, label].argmax()) for label in np.argsort(shares.sum(axis=0)) if shares[:, label].any()]
    rest = range(0, len(sound), max(len(sound) // SAMPLES, 1))
    return [sound[place] for place in list(dict.fromkeys([*best, *rest]))[:SAMPLES]]


def _under_labels(one: Examined, diagnosis: Diagnosis, space: LabelSpace) -> Iterator[tuple[str, Picture]]:
    schema, read = diagnosis.schema, diagnosis.survey.splits[one.split].read
    try:
        image = read_picture(one.pair.image, ranges=diagnosis.survey.ranges)
        labels = read(one.pair, schema) if schema else None
    except InputError:  # changed since it was examined
        return
    if labels is not None and labels.shape == image.shape[:2]:
        yield f"{one.pair.name} ({one.split})", _small(overlay(image, labels, space, bare=background_class(space)))


def _add_duplicates(page: Page, diagnosis: Diagnosis) -> None:
    if not diagnosis.duplicate_pairs:
        return
    page.heading(
        "In two splits", "Pictures that are the same, or look it: left in the larger split, right in the other."
    )
    for pair in diagnosis.duplicate_pairs[:DUPLICATES]:
        page.pictures([*_plain([pair.first, pair.second], diagnosis)], columns=2)
    if len(diagnosis.duplicate_pairs) > DUPLICATES:
        page.text(f"And {len(diagnosis.duplicate_pairs) - DUPLICATES} more pairs.")


def _plain(examined: Sequence[Examined], diagnosis: Diagnosis) -> Iterator[tuple[str, Picture]]:
    for one in examined:
        try:
            yield (
                f"{one.pair.name} ({one.split})",
                _small(visible(read_picture(one.pair.image, ranges=diagnosis.survey.ranges))),
            )
        except InputError:  # changed since it was examined
            continue


def _small(picture: Picture) -> Picture:
    """At most so wide that a page of pictures stays a page."""
    image = Image.fromarray(picture)
    image.thumbnail((_WIDTH, _WIDTH), Image.Resampling.BOX)
    return np.array(image)
