"""The outcome of an evaluation: as JSON, as text, and as part of a page."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from atrous.evaluation import metrics
from atrous.evaluation.example import Example
from atrous.evaluation.protocol import Protocol
from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.plain import to_plain
from atrous.report.page import Page
from atrous.report.plots import bar_plot
from atrous.report.tables import Cell, Table


@dataclass(frozen=True)
class Report:
    """Numbers with their protocol.

    Attributes:
        protocol: How they were measured.
        space: The classes.
        matrix: Pixels by `[true class, predicted class]`.
        worst: Images with the largest shares of wrong pixels, the worst first.
    """

    protocol: Protocol
    space: LabelSpace
    matrix: Int64[np.ndarray, "k k"]
    worst: tuple[Example, ...] = ()

    @property
    def miou(self) -> float | None:
        """Mean IoU over the classes that occur in truth or prediction, 0..1; None where nothing is labelled."""
        return _number(metrics.miou(self.matrix))

    @property
    def pixel_accuracy(self) -> float | None:
        """Share of labelled pixels that are right, 0..1; None where nothing is labelled."""
        return _number(metrics.pixel_accuracy(self.matrix))

    @property
    def iou(self) -> dict[str, float | None]:
        """IoU by class name, 0..1; None for a class that occurs neither in truth nor in prediction."""
        return self._by_name(metrics.iou(self.matrix))

    @property
    def class_accuracy(self) -> dict[str, float | None]:
        """Share of a class's pixels that were found, by class name, 0..1; None for a class not in the truth."""
        return self._by_name(metrics.class_accuracy(self.matrix))

    def to_json(self) -> dict[str, Any]:
        """Numbers, protocol and confusion matrix as plain values."""
        return {
            **self._summary(),
            "iou": self.iou,
            "class_accuracy": self.class_accuracy,
            "protocol": to_plain(self.protocol),
            "confusion": {"rows": "truth", "columns": "prediction", "pixels": self.matrix.tolist()},
        }

    def write_json(self, path: Path) -> None:
        """Write `to_json()` as a file; raises InputError if that is impossible."""
        with atomic_path(path) as temporary:
            text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    def table(self) -> Table:
        """A row per class, and the mean."""
        shares = self.matrix.sum(axis=1) / max(self.matrix.sum(), 1)
        columns = (self.iou.items(), self.class_accuracy.values(), shares)
        rows: list[tuple[Cell, ...]] = [
            (name, iou, accuracy, float(share)) for (name, iou), accuracy, share in zip(*columns, strict=True)
        ]
        mean_accuracy = _number(metrics.mean_class_accuracy(self.matrix))
        return Table(
            columns=("class", "IoU", "accuracy", "share of pixels"),
            rows=(*rows, ("mean", self.miou, mean_accuracy, None)),
            formats=("", ".4f", ".4f", ".2%"),
        )

    def to_text(self) -> str:
        """Table, summary and protocol for the terminal."""
        facts = {"pixel accuracy": _shown(self.pixel_accuracy), **self.protocol.facts()}
        width = max(map(len, facts))
        lines = [f"{name:<{width}}  {value}" for name, value in facts.items()]
        return "\n".join([self.table().to_text(), "", *lines])

    def add_to(self, page: Page) -> None:
        """Sections of a page: numbers, table, bars, the worst images, protocol."""
        page.heading("Evaluation")
        page.facts({"mean IoU": _shown(self.miou), "pixel accuracy": _shown(self.pixel_accuracy)})
        page.table(self.table())
        page.svg(bar_plot(self.iou, title="IoU by class", x_label="IoU"))
        if self.worst:
            page.heading("Where it is wrong", "The images with the largest shares of wrong pixels, the worst first.")
            page.legend(self.space)
        for example in self.worst:
            page.pictures(example.pictures(self.space), columns=4)
        page.heading("Protocol")
        page.facts(self.protocol.facts())

    def write_html(self, path: Path) -> None:
        """Write the page of this evaluation alone; raises InputError if that is impossible."""
        page = Page("Report", f"{self.protocol.data.get('name', '')} {self.protocol.data.get('split', '')}")
        self.add_to(page)
        page.write(path)

    def _summary(self) -> dict[str, float | None]:
        return {
            "miou": self.miou,
            "pixel_accuracy": self.pixel_accuracy,
            "mean_class_accuracy": _number(metrics.mean_class_accuracy(self.matrix)),
            "frequency_weighted_iou": _number(metrics.frequency_weighted_iou(self.matrix)),
        }

    def _by_name(self, values: metrics.PerClass) -> dict[str, float | None]:
        return {name: _number(float(value)) for name, value in zip(self.space.names, values, strict=True)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _shown(value: float | None) -> str:
    return "nothing labelled" if value is None else f"{value:.4f}"
