"""`atrous evaluate WEIGHTS --data DIR --split val`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from atrous.cli.console import progress_callback
from atrous.cli.device import Device, choose_device
from atrous.cli.options import parse
from atrous.cli.weights import load_weights
from atrous.data.dataset import open_data
from atrous.evaluation.evaluate import evaluate
from atrous.inference.predictor import Predictor


@dataclass(frozen=True)
class Options:
    """Mean IoU, per-class table and protocol of weights on a labelled data set.

    Every image is predicted whole and at its own size; one confusion matrix counts all of them.

    Example: atrous evaluate runs/street/best.safetensors --data street/ --split val --output-stride 8 --json val.json
    """

    weights: tyro.conf.Positional[str]
    """An archive (.safetensors), an official .tflite, or a name."""
    data: Path
    """Folder of images/ and masks/, or CamVid in the SegNet layout."""
    split: str = "val"
    """Which part of the data."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    json: Path | None = None
    """Write numbers, protocol and confusion matrix to this file."""
    html: Path | None = None
    """Write a page with table, bars and the worst images to this file."""
    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the weights' own."""
    scales: tuple[float, ...] = (1.0,)
    """Image sizes to average over; the papers: 0.5 0.75 1 1.25 1.5 1.75."""
    flip: bool = False
    """Average with the mirrored picture, too."""
    device: Device = "auto"
    """Where to compute."""


def main(arguments: Sequence[str]) -> int:
    """Evaluate and print; returns the exit status."""
    options = parse(Options, arguments, verb="evaluate")
    device = choose_device(options.device)
    dataset = open_data(options.data, split=options.split, schema=options.schema)
    predictor = Predictor(
        load_weights(options.weights),
        output_stride=options.output_stride,
        scales=options.scales,
        flip=options.flip,
        device=device,
    )
    with progress_callback("evaluating") as progress:
        report = evaluate(predictor, dataset, progress=progress)
    print(report.to_text())
    if options.json is not None:
        report.write_json(options.json)
        print(f"numbers  {options.json}")
    if options.html is not None:
        report.write_html(options.html)
        print(f"page     {options.html}")
    return 0
