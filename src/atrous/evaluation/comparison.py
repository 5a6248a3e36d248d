"""Comparison of two reports, with confidence intervals of their differences."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, get_args

import numpy as np

from atrous.errors import InputError
from atrous.evaluation.bootstrap import Interval, interval, resampled
from atrous.evaluation.metrics import iou, miou, overlap_iou, overlap_miou
from atrous.evaluation.saved import SavedReport
from atrous.plain import first_difference, to_plain
from atrous.report.tables import Table

VariedField = Literal["output_stride", "scales", "flip", "size_rule"]
"""Fields of a protocol that a comparison may be about."""

_FREE = ("weights_sha256", "device", "precision", "software")
"""Fields that may always differ: the weights are compared, and the others change a number by rounding only."""


@dataclass(frozen=True)
class ComparedClass:
    """One number of both reports, and its difference.

    Attributes:
        name: Name of the class, or `mean`.
        first, second: IoU in either report, 0..1; None where it is undefined.
        interval: Confidence interval of second - first; None where images cannot be resampled.
    """

    name: str
    first: float | None
    second: float | None
    interval: Interval | None

    @property
    def difference(self) -> float | None:
        """Second - first."""
        return None if self.first is None or self.second is None else self.second - self.first


def compare(
    first: SavedReport, second: SavedReport, *, across: Collection[VariedField] = ()
) -> tuple[ComparedClass, ...]:
    """Compare the IoU of every class, then the mean, in two reports of like protocol.

    The interval of a difference is found by the paired bootstrap: the same images are drawn for both reports, so that
    images which are difficult for both do not widen it.

    Args:
        first: One report.
        second: Another report, of the same images and classes.
        across: Fields of the protocol that may differ.

    Raises:
        InputError: If protocols, classes or images are unlike; names the first difference.
    """
    _require_like(first, second, across=across)
    values = [np.append(iou(report.matrix), miou(report.matrix)) for report in (first, second)]
    intervals = _intervals(first, second)
    names = (*first.iou, "mean")
    return tuple(
        ComparedClass(name, *(None if np.isnan(value) else float(value) for value in pair), interval=found)
        for name, *pair, found in zip(names, *values, intervals, strict=True)
    )


def comparison_table(rows: tuple[ComparedClass, ...]) -> Table:
    """Table of both reports, their difference, and its interval."""
    cells = (
        (row.name, row.first, row.second, row.difference)
        + ((row.interval.low, row.interval.high) if row.interval else (None, None))
        for row in rows
    )
    columns = ("class", "IoU of A", "IoU of B", "B - A", "95 % from", "to")
    return Table(columns, rows=tuple(cells), formats=("", ".4f", ".4f", "+.4f", "+.4f", "+.4f"))


def _intervals(first: SavedReport, second: SavedReport) -> list[Interval | None]:
    """Intervals of the difference of every class and of the mean."""
    both = [report.overlaps for report in (first, second)]
    if min(map(len, both)) < 2:
        return [None] * (len(first.iou) + 1)
    sums = resampled(np.stack(both, axis=1))
    values = np.concatenate([overlap_iou(sums), overlap_miou(sums)[..., None]], axis=-1)
    return [interval(column, blocks=len(both[0])) for column in (values[:, 1] - values[:, 0]).T]


def _require_like(first: SavedReport, second: SavedReport, *, across: Collection[VariedField]) -> None:
    difference = first_difference(to_plain(first.protocol), to_plain(second.protocol), free=(*_FREE, *across))
    if difference is not None:
        name, ours, theirs = difference
        remedy = f", or say --across {name}" if name in get_args(VariedField) else ""
        raise InputError(f"unlike protocols: {name} is {ours!r:.80} in A, {theirs!r:.80} in B; evaluate alike{remedy}")
    if list(first.iou) != list(second.iou):
        name, other = next(pair for pair in zip_longest(first.iou, second.iou) if pair[0] != pair[1])
        raise InputError(f"unlike classes: {name!r:.80} in A, {other!r:.80} in B; evaluate on the same labels")
    both = [[(image.name, image.sequence) for image in report.images] for report in (first, second)]
    if all(both) and both[0] != both[1]:
        raise InputError("unlike images: the reports count others, or in another order; evaluate on the same data")
