"""Tells runs along the rows from runs down the columns by what they draw.

Decoded in the other order than they were written in, the runs of a thing lie scattered over the picture, so that what
they draw has many more edges. A square picture tells nothing: the other order only mirrors it at its diagonal.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from atrous.data.annotations.outlines import StartRuns
from atrous.sizes import Size

_CLEARLY = 2
"""Runs go along the rows if down the columns they draw more than this many times as many edges, and the other way."""


def go_by_rows(drawn: Iterable[tuple[StartRuns, Size]]) -> bool | None:
    """Return True for runs along the rows, False for runs down the columns, None where what they draw does not tell.

    Args:
        drawn: Some runs, and the size of the picture that each is of; runs that do not fit into it say nothing.
    """
    by_columns = by_rows = 0
    for runs, size in drawn:
        if size[0] == size[1]:
            continue
        try:
            by_columns += _edges(replace(runs, by_rows=False), size)
            by_rows += _edges(replace(runs, by_rows=True), size)
        except ValueError:
            continue
    if by_columns > _CLEARLY * by_rows:
        return True
    return False if by_rows > _CLEARLY * by_columns else None


def _edges(runs: StartRuns, size: Size) -> int:
    """Number of neighbours, one above the other or side by side, of which one is drawn."""
    inside = runs.region(size).inside
    return sum(int(np.count_nonzero(np.diff(inside, axis=axis))) for axis in (0, 1))
