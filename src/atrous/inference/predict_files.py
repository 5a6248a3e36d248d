"""Prediction of many image files: images are read and outputs written in threads while the network computes."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from atrous.data.formats.images import MAX_PIXELS
from atrous.data.formats.tiff import geo_reference, write_geo_labels
from atrous.data.formats.windows import Pixels, open_pixels, read_whole, stored_size
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.large_image import predict_large_image
from atrous.inference.output_files import PredictionFiles
from atrous.inference.predictor import Predictor
from atrous.inference.prefetch import prefetch
from atrous.inference.result import Result
from atrous.inference.tiling.regions import OnProgress
from atrous.inference.tiling.tiles import Tiling
from atrous.report.label_png import label_palette

WHOLE_PIXELS = 2**24
"""Largest image that is predicted whole by default: beyond 4096 x 4096, even small networks need gigabytes."""


@dataclass(frozen=True)
class TilingRule:
    """Images of more than `above_pixels` pixels are predicted in tiles, the others whole."""

    tiling: Tiling
    above_pixels: int = WHOLE_PIXELS


@dataclass(frozen=True)
class TiledImage:
    """An image that is to be predicted in tiles."""

    pixels: Pixels
    tiling: Tiling


@dataclass(frozen=True)
class FileOutcome:
    """Outcome of one image: its files are written unless there is a problem, described in one line."""

    files: PredictionFiles
    problem: str | None = None


def predict_files(
    predictor: Predictor,
    plan: Iterable[PredictionFiles],
    *,
    save: Callable[[Result, Path], None] = Result.save,
    tiles: TilingRule | None = None,
    max_pixels: int = MAX_PIXELS,
    on_progress: OnProgress | None = None,
) -> Iterator[FileOutcome]:
    """Predict image files in order; existing output files are replaced.

    Args:
        predictor: Model and settings of the prediction.
        plan: Images and their output files.
        save: Writes a label map of an image that is predicted whole.
        tiles: Rule for images that are predicted in tiles; None for no tiles.
        max_pixels: Images of more pixels are not decoded as a whole.
        on_progress: Called with (tiles done, tiles in all) for an image that is predicted in tiles.

    Yields:
        An outcome per image as soon as its files are written. An image that cannot be read is a problem of its own; the
        others are predicted all the same.

    Raises:
        InputError: If an output cannot be written: then no other can either.
    """
    images = prefetch(partial(_read, tiles=tiles, max_pixels=max_pixels), plan)
    answers = ((files, _predict(predictor, files, image, on_progress)) for files, image in images)
    for (files, answer), written in prefetch(partial(_write, save=save), answers):
        written.result()
        yield FileOutcome(files, problem=str(answer) if isinstance(answer, InputError) else None)


def _read(
    files: PredictionFiles, *, tiles: TilingRule | None, max_pixels: int
) -> UInt8[np.ndarray, "h w c"] | TiledImage:
    if tiles is not None and math.prod(stored_size(files.source)) > tiles.above_pixels:
        return TiledImage(open_pixels(files.source, max_pixels=max_pixels), tiles.tiling)
    return read_whole(files.source, max_pixels=max_pixels)


def _predict(
    predictor: Predictor,
    files: PredictionFiles,
    future: Future[UInt8[np.ndarray, "h w c"] | TiledImage],
    on_progress: OnProgress | None,
) -> Result | InputError | None:
    """Return the result, the problem, or None where the files of an image in tiles are already written."""
    try:
        geo_reference(files.source)  # one that cannot be kept is a problem of this image, not of the output folder
        image = future.result()
    except InputError as error:
        return error
    try:
        if isinstance(image, TiledImage):
            return predict_large_image(predictor, image.pixels, files, tiling=image.tiling, on_progress=on_progress)
        return predictor(image)
    except InputError as error:
        return InputError(f"{files.source}: {error}")
    except torch.OutOfMemoryError:
        return InputError(f"{files.source} does not fit into the memory of {predictor.device}; try --device cpu")


def _write(item: tuple[PredictionFiles, Result | InputError | None], *, save: Callable[[Result, Path], None]) -> None:
    files, answer = item
    if answer is None or isinstance(answer, InputError):
        return
    save(answer, files.labels)
    if reference := geo_reference(files.source):
        write_geo_labels(files.geo_labels, answer.labels, palette=label_palette(answer.space), reference=reference)
    if files.overlay is not None:
        with atomic_path(files.overlay) as temporary:
            answer.overlay().save(temporary, quality=90)
