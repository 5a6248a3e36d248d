"""`atrous evaluate WEIGHTS --data DIR --split val`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from atrous.cli import compare
from atrous.cli.console import progress_callback
from atrous.cli.inference import Inference
from atrous.cli.options import parse
from atrous.data.dataset import open_data
from atrous.evaluation.evaluate import evaluate


@dataclass(frozen=True)
class Options:
    """Mean IoU, per-class table and protocol of weights on a labelled data set.

    Every image is predicted whole; one confusion matrix counts all of them. Two reports are compared by
    `atrous evaluate --compare A.json B.json`, what may differ between them is named by --across.

    Example: atrous evaluate runs/street/best.safetensors --data street/ --split val --output-stride 8 --json val.json
    """

    weights: tyro.conf.Positional[str]
    """An archive, a file of another project, hf://user/name, or a name that `atrous weights` lists."""
    data: Path
    """Folder of images/ and masks/, or CamVid in the SegNet layout."""
    split: str = "val"
    """Which part of the data."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    json: Path | None = None
    """Write numbers, protocol, confusion matrix and the counts of every image to this file."""
    html: Path | None = None
    """Write a page with table, curves, confusion and the worst images to this file."""
    inference: Inference = field(default_factory=Inference)


def main(arguments: Sequence[str]) -> int:
    """Evaluate and print; returns the exit status."""
    if any(argument.partition("=")[0] == "--compare" for argument in arguments):
        return compare.main(arguments)
    options = parse(Options, arguments, verb="evaluate")
    dataset = open_data(options.data, split=options.split, schema=options.schema)
    predictor = options.inference.predictor(options.weights)
    with progress_callback("evaluating") as on_progress:
        report = evaluate(predictor, dataset, on_progress=on_progress)
    print(report.to_text())
    if options.json is not None:
        report.write_json(options.json)
        print(f"numbers  {options.json}")
    if options.html is not None:
        report.write_html(options.html)
        print(f"page     {options.html}")
    return 0
