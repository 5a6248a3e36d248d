"""The report of an evaluation as JSON, as text and as a web page."""

import csv
import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from atrous.evaluation import metrics
from atrous.evaluation.bootstrap import Interval, miou_interval
from atrous.evaluation.boundaries import WIDTHS
from atrous.evaluation.counts import FRAMES_PER_BLOCK, Counts, ImageCounts, block_overlaps
from atrous.evaluation.example import LAYERS, Example
from atrous.evaluation.metrics import finite_or_none
from atrous.evaluation.protocol import Protocol
from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.plain import to_plain
from atrous.report.confusion_plot import confusion_plot
from atrous.report.gallery import GalleryImage
from atrous.report.page import Page
from atrous.report.plots import bar_plot, line_plot
from atrous.report.tables import Cell, Table, shown

MAX_IMAGES = 200
"""Images that a page shows, at most: more would make it slow to open."""


@dataclass(frozen=True)
class Report:
    """The numbers of an evaluation with their protocol.

    Attributes:
        protocol: Conditions under which they were measured.
        space: Names and colours of the classes.
        counts: Pixel counts over all images.
        images: Pixel counts of each image.
        worst: Images with the largest shares of wrong pixels, the worst first.
        gallery: Images that the page shows, to be sorted and enlarged.
    """

    protocol: Protocol
    space: LabelSpace
    counts: Counts
    images: tuple[ImageCounts, ...] = ()
    worst: tuple[Example, ...] = ()
    gallery: tuple[GalleryImage, ...] = ()

    @property
    def matrix(self) -> Int64[np.ndarray, "k k"]:
        """Pixels by `[true class, predicted class]`."""
        return self.counts.matrix

    @property
    def miou(self) -> float | None:
        """Mean IoU over the classes that occur in truth or prediction, 0..1; None where nothing is labelled."""
        return finite_or_none(metrics.miou(self.matrix))

    @cached_property
    def miou_interval(self) -> Interval | None:
        """95 % confidence interval of the mean IoU; None with fewer than two independent images."""
        return miou_interval(self.images, classes=len(self.space))

    @property
    def pixel_accuracy(self) -> float | None:
        """Share of labelled pixels that are right, 0..1; None where nothing is labelled."""
        return finite_or_none(metrics.pixel_accuracy(self.matrix))

    @property
    def iou(self) -> dict[str, float | None]:
        """IoU by class name, 0..1; None for a class that occurs neither in truth nor in prediction."""
        return self._by_name(metrics.iou(self.matrix))

    @property
    def class_accuracy(self) -> dict[str, float | None]:
        """Share of a class's pixels that were found, by class name, 0..1; None for a class not in the truth."""
        return self._by_name(metrics.class_accuracy(self.matrix))

    @property
    def boundary_iou(self) -> dict[str, float | None]:
        """Boundary IoU by class name, 0..1; None for a class that occurs near no contour."""
        return self._by_name(metrics.overlap_iou(self.counts.boundary))

    @property
    def boundary_miou(self) -> float | None:
        """Mean Boundary IoU over the classes that have one, 0..1; None if no class has."""
        return finite_or_none(float(metrics.overlap_miou(self.counts.boundary)))

    @property
    def trimap(self) -> dict[int, float | None]:
        """Mean IoU inside the band of each width in pixels; None for an empty band."""
        values = metrics.overlap_miou(self.counts.trimap.overlaps).tolist()
        return {width: finite_or_none(value) for width, value in zip(WIDTHS, values, strict=True)}

    def to_json(self) -> dict[str, Any]:
        """Return numbers, protocol and confusion matrix as plain values."""
        return {
            **self._summary(),
            "iou": self.iou,
            "boundary_iou": self.boundary_iou,
            "class_accuracy": self.class_accuracy,
            "trimap": {"widths": list(self.trimap), "miou": list(self.trimap.values())},
            "protocol": to_plain(self.protocol),
            "confusion": {"rows": "truth", "columns": "prediction", "pixels": self.matrix.tolist()},
        }

    def write_json(self, path: Path) -> None:
        """Write `to_json()` and the counts of every image as a file; raises InputError if that is impossible."""
        content = {**self.to_json(), "images": to_plain(self.images)}
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        # Lists of numbers in one line each: no string of JSON holds a line break, so none is taken for a list.
        lines = re.sub(r'\[\n[^]["{}]*\]', lambda row: " ".join(row[0].split()), text)
        with atomic_path(path) as temporary:
            temporary.write_text(lines + "\n", encoding="utf-8")

    def table(self) -> Table:
        """Table with a row per class, then the mean."""
        shares = self.matrix.sum(axis=1) / max(self.matrix.sum(), 1)
        columns = (self.iou.values(), self.boundary_iou.values(), self.class_accuracy.values(), shares.tolist())
        rows: list[tuple[Cell, ...]] = list(zip(self.space.names, *columns, strict=True))
        mean_accuracy = finite_or_none(metrics.mean_class_accuracy(self.matrix))
        return Table(
            columns=("class", "IoU", "boundary IoU", "accuracy", "share of pixels"),
            rows=(*rows, ("mean", self.miou, self.boundary_miou, mean_accuracy, None)),
            formats=("", ".4f", ".4f", ".4f", ".2%"),
        )

    def to_text(self) -> str:
        """Return table, summary and protocol as text for the terminal."""
        curve = ", ".join(f"{width} px {shown(value, '.4f')}" for width, value in self.trimap.items())
        facts = {**self._facts(), "trimap mIoU": curve, **self.protocol.facts()}
        width = max(map(len, facts))
        lines = [f"{name:<{width}}  {value}" for name, value in facts.items()]
        return "\n".join([self.table().to_text(), "", *lines])

    def add_to(self, page: Page) -> None:
        """Add sections to a page: numbers, images, table, bars, confusion, trimap curve, protocol."""
        page.heading("Evaluation")
        page.facts(self._facts())
        self._add_images(page)
        page.heading("By class")
        page.table(self.table())
        page.svg(bar_plot(self.iou, title="IoU by class", x_label="IoU", colors=self.space.palette))
        page.heading("What is taken for what", "A row per true class; small shares are shown stronger than they are.")
        page.svg(confusion_plot(self.matrix, names=self.space.names), own_size=True)
        page.heading("Near contours", f"Mean IoU inside bands around {self.protocol.trimap} (trimap curve).")
        points = [(width, math.nan if value is None else value) for width, value in self.trimap.items()]
        page.svg(line_plot({"mIoU": points}, title="mIoU near contours", x_label="width, pixels", y_label="mIoU"))
        page.heading("Protocol")
        page.facts(self.protocol.facts())

    def _add_images(self, page: Page) -> None:
        """Add the gallery, or where there is none, the worst images."""
        if self.gallery:
            whole = len(self.images)
            few = (
                f"{len(self.gallery)} of the {whole} images, evenly spread"
                if len(self.gallery) < whole
                else "All images"
            )
            page.heading("Images", f"{few}. The score is the IoU of the image alone. Click one to enlarge it.")
            page.legend(self.space)
            page.gallery(self.gallery, space=self.space, layers=LAYERS)
            return
        if self.worst:
            page.heading("Where it is wrong", "The images with the largest shares of wrong pixels, the worst first.")
            page.legend(self.space)
        for example in self.worst:
            page.pictures(example.pictures(self.space), columns=4)

    def write_csv(self, path: Path) -> None:
        """Write a line per image: name, mean IoU and the IoU of every class, empty where a class does not occur.

        Raises:
            InputError: If the file cannot be written.
        """
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("image", "mIoU", *self.space.names))
            for image in self.images:
                overlaps = block_overlaps([image], classes=len(self.space))[0]
                scores = [metrics.overlap_miou(overlaps), *metrics.overlap_iou(overlaps)]
                values = (finite_or_none(float(score)) for score in scores)
                writer.writerow((image.name, *("" if value is None else f"{value:.4f}" for value in values)))

    def write_html(self, path: Path) -> None:
        """Write a page of this evaluation alone; raises InputError if that is impossible."""
        page = Page("Report", f"{self.protocol.data.get('name', '')} {self.protocol.data.get('split', '')}")
        self.add_to(page)
        page.write(path)

    def _facts(self) -> dict[str, Cell]:
        """Return the numbers over all classes, for people to read."""
        return {
            "mean IoU": _shown(self.miou),
            "mIoU, 95 % interval": self._interval_text(),
            "pixel accuracy": _shown(self.pixel_accuracy),
        }

    def _interval_text(self) -> str:
        found = self.miou_interval
        if found is None:
            return f"takes two images, or more than {FRAMES_PER_BLOCK} frames of a video"
        kind = (
            f"blocks of up to {FRAMES_PER_BLOCK} frames" if any(image.sequence for image in self.images) else "images"
        )
        return f"{found.low:.4f} to {found.high:.4f} ({found.blocks} {kind})"

    def _summary(self) -> dict[str, Any]:
        return {
            "miou": self.miou,
            "miou_interval": to_plain(self.miou_interval),
            "boundary_miou": self.boundary_miou,
            "pixel_accuracy": self.pixel_accuracy,
            "mean_class_accuracy": finite_or_none(metrics.mean_class_accuracy(self.matrix)),
            "frequency_weighted_iou": finite_or_none(metrics.frequency_weighted_iou(self.matrix)),
        }

    def _by_name(self, values: metrics.PerClass) -> dict[str, float | None]:
        return {name: finite_or_none(float(value)) for name, value in zip(self.space.names, values, strict=True)}


def _shown(value: float | None) -> str:
    return "nothing labelled" if value is None else f"{value:.4f}"
