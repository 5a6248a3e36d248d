"""Where the time goes from a picture file to the file of its label map."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from atrous.data.formats.tiff import read_picture
from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.report.label_png import write_label_png
from atrous.sizes import Size

STAGES = ("decode", "resize", "network", "upsample + argmax", "encode")


class Timing(NamedTuple):
    """Seconds of one stage: of the first picture, which has to prepare everything, and the median of the others."""

    name: str
    first: float
    usual: float


def stages(
    predictor: Predictor,
    picture: Path,
    labels: Path,
    *,
    size: Size,
    rounds: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Timing]:
    """Time the stages of one picture again and again, by the clock on the wall.

    Args:
        predictor: Of a model that takes RGB; its scales and padding are not used.
        picture: A file.
        labels: The file of the label map, replaced each time.
        size: (height, width) to which the picture is resized.
        rounds: How often after the first time.
        on_progress: Is told (done, in all) after each time.

    Raises:
        InputError: If the picture cannot be read, the labels cannot be written, or there are no rounds.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds; give at least 1")
    runs: list[dict[str, float]] = []
    for number in range(rounds + 1):
        runs.append(_run(predictor, picture, labels, size=size))
        if on_progress is not None:
            on_progress(number + 1, rounds + 1)
    first, *others = runs
    return [Timing(name, first[name], median(run[name] for run in others)) for name in STAGES]


def _run(predictor: Predictor, picture: Path, labels: Path, *, size: Size) -> dict[str, float]:
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        if predictor.device.type == "cuda":
            torch.cuda.synchronize(predictor.device)
        seconds[name] = time.perf_counter() - begin

    with stage("decode"):
        image = read_picture(picture)
    with stage("resize"):
        image = resized(image, size)
    with torch.inference_mode():
        with stage("network"):
            logits = predictor.model(predictor.batch(image))
        with stage("upsample + argmax"):
            found = upsample_argmax(logits, **predictor.model.placement(size)._asdict())[0].cpu().numpy()
    with stage("encode"):
        write_label_png(labels, found, predictor.labels)
    return seconds


def resized(image: UInt8[np.ndarray, "h w c"], size: Size) -> UInt8[np.ndarray, "H W 3"]:
    """Bilinear, with averaging where it shrinks; raises InputError unless the picture is RGB."""
    height, width = size
    if image.shape[2] != 3:
        raise InputError(f"a picture of {image.shape[2]} bands; give one of RGB")
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
