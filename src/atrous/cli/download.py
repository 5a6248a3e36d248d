"""`atrous download DATASET --to DIR`: downloads and unpacks a published data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from atrous.cli.console import progress_callback
from atrous.cli.options import parse
from atrous.data.published.downloads import fetch_data, find_source


@dataclass(frozen=True)
class Options:
    """Download a published data set and unpack it. The same command resumes an interrupted download.

    voc2012 (2 GB), sbd (1.4 GB, its labels make voc2012's split trainaug), coco2017 (20 GB), ade20k (1 GB). For
    cityscapes, camvid and segmentationclassaug it prints where to get them.

    Example: atrous download voc2012 --to data/voc
    """

    dataset: tyro.conf.Positional[str]
    """Name of the data set: voc2012, sbd, coco2017, ade20k."""
    to: Path
    """Folder for the data; created where missing. SBD belongs into that of voc2012."""


def main(arguments: Sequence[str]) -> int:
    """Download; returns the exit status."""
    options = parse(Options, arguments, verb="download")
    source = find_source(options.dataset, to=options.to)
    for folder in fetch_data(source, options.to, display=progress_callback):
        print(f"data     {folder}")
    print(f"licence  {source.licence}")
    print(f"cite     {source.citation}")
    return 0
