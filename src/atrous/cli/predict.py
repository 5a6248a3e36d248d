"""`atrous predict WEIGHTS INPUT... --out DIR`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from atrous.cli.console import console, tracked
from atrous.cli.inference import Inference
from atrous.cli.options import parse
from atrous.data.images import image_files
from atrous.inference.files import listed, plan_jobs, predict_files
from atrous.inference.result import Result
from atrous.inference.submission import CITYSCAPES_SERVER, VOC_SERVER
from atrous.report.wording import one_line

SERVERS = {"voc": VOC_SERVER, "cityscapes": CITYSCAPES_SERVER}
SOME_FAILED = 1


@dataclass(frozen=True)
class Options:
    """Label maps (indexed PNG) and overlays with a legend (JPEG) of pictures.

    DIR/NAME.png and DIR/NAME_overlay.jpg are written for each picture; what was there is replaced. A GeoTIFF also gives
    DIR/NAME_labels.tif, which lies where it does. Pictures of the same name keep their folders below DIR. A picture
    that cannot be read is reported, the rest goes on, and the exit status is 1.

    Example: atrous predict runs/street/best.safetensors photos/ 'more/*.jpg' --out labels
    """

    weights: tyro.conf.Positional[str]
    """An archive (.safetensors), an official .tflite, or a name."""
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="INPUT...")]
    """Pictures, folders of pictures, or patterns in quotes."""
    out: Path
    """Folder for the outputs; created where missing."""
    inference: Inference = field(default_factory=Inference)
    overlay: bool = True
    """Write overlays."""
    only: Path | None = None
    """A list of names, one per line without suffix: other pictures are left out."""
    server: Literal["voc", "cityscapes"] | None = None
    """Write label maps alone, as the evaluation server of PASCAL VOC (comp6) or Cityscapes takes them."""


def main(arguments: Sequence[str]) -> int:
    """Predict pictures; returns 0, or 1 where some could not be read."""
    options = parse(Options, arguments, verb="predict")
    pictures = image_files(options.inputs)
    if options.only is not None:
        pictures = listed(pictures, names=options.only)
    server = None if options.server is None else SERVERS[options.server]
    overlays = options.overlay and server is None
    out = options.out
    jobs = server.jobs(pictures, out=out) if server else plan_jobs(pictures, out=out, overlays=overlays)
    predictor = options.inference.predictor(options.weights)
    if server:
        server.require(predictor.labels)
    failed = 0
    outcomes = predict_files(predictor, jobs, save=server.save if server else Result.save)
    for outcome in tracked(outcomes, description="predicting", total=len(jobs)):
        if outcome.problem is not None:
            failed += 1
            console.print(f"atrous predict: {one_line(outcome.problem)}", markup=False, soft_wrap=True)
    what = "label map and overlay" if overlays else "label map"
    print(f"{what} of {len(jobs) - failed} of {len(jobs)} pictures written to {options.out}")
    if failed:
        print(f"{failed} of {len(jobs)} pictures failed, each named above")
    return SOME_FAILED if failed else 0
