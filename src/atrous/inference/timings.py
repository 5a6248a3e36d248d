"""Time of each stage between an image file and the file of its label map."""

import time
from collections.abc import Callable, Generator
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
"""Exported files upsample in their network."""


class Timing(NamedTuple):
    """Seconds that one stage takes.

    Attributes:
        name: One of `STAGES`.
        first: Seconds for the first image, with everything that is prepared once.
        median: Median over the images after it.
    """

    name: str
    first: float
    median: float


def stages(
    predictor: Predictor,
    image_file: Path,
    labels: Path,
    *,
    size: Size,
    rounds: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Timing]:
    """Measure the wall-clock time of each stage for one image, several times.

    Args:
        predictor: Predictor of a model that takes RGB; its scales and padding are not used.
        image_file: File of the image.
        labels: File of the label map, replaced each time.
        size: (height, width) to which the image is resized.
        rounds: Number of repetitions after the first time.
        on_progress: Called with (done, in all) after each time.

    Raises:
        InputError: If the image cannot be read, the labels cannot be written, or there are no rounds.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds; give at least 1")
    runs: list[dict[str, float]] = []
    for number in range(rounds + 1):
        runs.append(_time_stages(predictor, image_file, labels, size=size))
        if on_progress is not None:
            on_progress(number + 1, rounds + 1)
    first, *others = runs
    return [Timing(name, first[name], median(run[name] for run in others)) for name in first]


def _time_stages(predictor: Predictor, image_file: Path, labels: Path, *, size: Size) -> dict[str, float]:
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Generator[None]:
        begin = time.perf_counter()
        yield
        if predictor.device.type == "cuda":
            torch.cuda.synchronize(predictor.device)
        seconds[name] = time.perf_counter() - begin

    with stage("decode"):
        image = read_picture(image_file)
    with stage("resize"):
        image = resized(image, size)
    if predictor.is_exported:  # upsampling and argmax are part of the network
        with stage("network"):
            label_map = predictor.predict_batch([image])[0].labels
        with stage("encode"):
            write_label_png(labels, label_map, predictor.labels)
        return seconds
    with torch.inference_mode():
        with stage("network"):
            logits = predictor.model(predictor.batch(image))
        with stage("upsample + argmax"):
            label_map = upsample_argmax(logits, predictor.model.placement(size))[0].cpu().numpy()
    with stage("encode"):
        write_label_png(labels, label_map, predictor.labels)
    return seconds


def resized(image: UInt8[np.ndarray, "h w c"], size: Size) -> UInt8[np.ndarray, "H W 3"]:
    """Resize bilinearly, with averaging where the image shrinks; raises InputError unless it is RGB."""
    height, width = size
    if image.shape[2] != 3:
        raise InputError(f"an image of {image.shape[2]} bands; give one of RGB")
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
