"""`atrous evaluate --compare A.json B.json`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.cli.options import parse
from atrous.evaluation.comparison import Across, compare, comparison_table
from atrous.evaluation.saved import read_report


@dataclass(frozen=True)
class Options:
    """Two reports of `atrous evaluate --json`, class by class, with the interval of their difference.

    Reports of unlike protocols are refused, with the first field that differs. The interval is of a bootstrap that
    draws the same images, or video sequences, for both.

    Example: atrous evaluate --compare before.json after.json
    """

    compare: tuple[Path, Path]
    """The reports: A and B."""
    across: tuple[Across, ...] = ()
    """What of the protocol may differ because it is the question."""


def main(arguments: Sequence[str]) -> int:
    """Compare and print; returns the exit status."""
    options = parse(Options, arguments, verb="evaluate")
    first, second = (read_report(path) for path in options.compare)
    rows = compare(first, second, across=options.across)
    print(comparison_table(rows).to_text())
    print()
    for letter, path, report in zip("AB", options.compare, (first, second), strict=True):
        print(f"{letter}  {path}  weights {report.protocol.weights_sha256 or 'not from a file'}")
    drawn = rows[-1].interval
    print(
        f"intervals: {drawn.confidence:.0%} of {drawn.resamples} draws of {drawn.blocks} images or sequences, paired"
        if drawn
        else "no intervals: they take counts of two images, or of more than ten frames of a video"
    )
    return 0
