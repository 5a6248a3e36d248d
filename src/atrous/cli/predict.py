"""`atrous predict WEIGHTS INPUT... --out DIR`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from atrous.cli.console import console, tracked
from atrous.cli.inference import Inference
from atrous.cli.options import parse
from atrous.data.images import image_files
from atrous.inference.files import plan_jobs, predict_files
from atrous.report.wording import one_line

SOME_FAILED = 1


@dataclass(frozen=True)
class Options:
    """Label maps (indexed PNG) and overlays with a legend (JPEG) of pictures.

    DIR/NAME.png and DIR/NAME_overlay.jpg are written for each picture; what was there is replaced. Pictures of the same
    name keep their folders below DIR. A picture that cannot be read is reported, the rest goes on, and the exit status
    is 1.

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


def main(arguments: Sequence[str]) -> int:
    """Predict pictures; returns 0, or 1 where some could not be read."""
    options = parse(Options, arguments, verb="predict")
    jobs = plan_jobs(image_files(options.inputs), out=options.out, overlays=options.overlay)
    predictor = options.inference.predictor(options.weights)
    failed = 0
    for outcome in tracked(predict_files(predictor, jobs), description="predicting", total=len(jobs)):
        if outcome.problem is not None:
            failed += 1
            console.print(f"atrous predict: {one_line(outcome.problem)}", markup=False, soft_wrap=True)
    what = "label map and overlay" if options.overlay else "label map"
    print(f"{what} of {len(jobs) - failed} of {len(jobs)} pictures written to {options.out}")
    if failed:
        print(f"{failed} of {len(jobs)} pictures failed, each named above")
    return SOME_FAILED if failed else 0
