"""Prediction of many image files: images are read and outputs written in threads while the network computes."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from atrous.data.formats.deep_pictures import has_16_bits, missing_pixels
from atrous.data.formats.images import MAX_PIXELS
from atrous.data.formats.tiff import geo_reference, write_geo_labels
from atrous.data.formats.value_range import Ranges
from atrous.data.formats.windows import Pixels, open_pixels, read_whole, stored_size
from atrous.errors import InputError, OutputError
from atrous.files import atomic_path
from atrous.inference.in_tiles import WHOLE_PIXELS
from atrous.inference.large_image import predict_large_image
from atrous.inference.output_files import PredictionFiles, own_problem
from atrous.inference.pipeline import PipelineItem, predict_each
from atrous.inference.predictor import Predictor
from atrous.inference.prefetch import prefetch
from atrous.inference.result import Result, without_missing
from atrous.inference.tiling.regions import OnProgress
from atrous.inference.tiling.tiles import Tiling
from atrous.report.label_png import label_palette

_NARROW, _SAMPLED_ROWS = 64, 16  # of 256 levels; rows of an image that is read part by part

WAITING_PROBABILITIES = 2
"""Number of results with probabilities that may wait to be written."""

MAX_JPEG_SIDE = 65500
"""Longest side of a JPEG, in pixels."""


@dataclass(frozen=True)
class TilingRule:
    """Images of more than `above_pixels` pixels are predicted in tiles, the others whole."""

    tiling: Tiling
    above_pixels: int = WHOLE_PIXELS


@dataclass(frozen=True)
class LargeImage:
    """An image that is opened when its turn has come, so that only one of them is in memory.

    Attributes:
        tiling: Size and overlap of the tiles; None if it is predicted whole.
    """

    tiling: Tiling | None


@dataclass(frozen=True)
class FileOutcome:
    """Outcome of one image.

    Attributes:
        files: The image and its output files, which are written unless there is a problem.
        problem: The problem in one line.
        nodata: Number of pixels without data, which are the ignore value in the label map.
        narrow: Largest value of a 16-bit image (to 257) that uses less than a quarter of its range, where no range is
            declared; None for others.
        shares: Share 0..1 of the pixels by name of the classes that occur, as `Result.shares` gives it.
    """

    files: PredictionFiles
    problem: str | None = None
    nodata: int = 0
    narrow: int | None = None
    shares: Mapping[str, float] = field(default_factory=dict[str, float])


Read = UInt8[np.ndarray, "h w c"] | LargeImage


def predict_files(
    predictor: Predictor,
    plan: Iterable[PredictionFiles],
    *,
    save: Callable[[Result, Path], None] = Result.save,
    paint: Callable[[Result], Image.Image] = Result.overlay,
    probabilities: bool = False,
    tiles: TilingRule | None = None,
    max_pixels: int = MAX_PIXELS,
    on_progress: OnProgress | None = None,
) -> Iterator[FileOutcome]:
    """Predict image files in order; existing output files are replaced.

    Args:
        predictor: Model and settings of the prediction.
        plan: Images and their output files.
        save: Writes a label map of an image that is predicted whole.
        paint: Draws the overlay of an image.
        probabilities: If true, results of images that are predicted whole hold probabilities.
        tiles: Rule for images that are predicted in tiles; None for no tiles.
        max_pixels: Images of more pixels are not decoded as a whole.
        on_progress: Called with (tiles done, tiles in all) for an image that is predicted in tiles.

    Yields:
        An outcome per image as soon as its files are written. An image that cannot be read, or whose name or size its
        output format does not allow, is a problem of its own; the others are predicted all the same.

    Raises:
        InputError: If an output cannot be written for a reason that concerns all of them, such as a full disk.
    """
    ranges = predictor.picture_range
    steps = predict_each(
        predictor,
        plan,
        read=partial(_read, tiles=tiles, max_pixels=max_pixels, one_by_one=probabilities, ranges=ranges),
        image_of=lambda loaded: None if isinstance(loaded, LargeImage) else loaded,
    )
    large = partial(
        _predict_large,
        predictor,
        paint=paint,
        probabilities=probabilities,
        max_pixels=max_pixels,
        on_progress=on_progress,
    )
    answers = ((step.item, large(step) if isinstance(step.loaded, LargeImage) else step) for step in steps)
    write = partial(_write, save=save, paint=paint, device=predictor.device, max_pixels=max_pixels, ranges=ranges)
    # Probabilities take 4 bytes per class and pixel: few of them wait for the disk.
    depth = WAITING_PROBABILITIES if probabilities else torch.get_num_threads() + 1
    for _, outcome in prefetch(lambda answer: write(*answer), answers, depth=depth):
        yield outcome.result()


def _read(
    files: PredictionFiles, *, tiles: TilingRule | None, max_pixels: int, one_by_one: bool, ranges: Ranges
) -> Read:
    geo_reference(files.source)  # one that cannot be kept is a problem of this image, not of the output folder
    pixels = math.prod(stored_size(files.source))
    if tiles is not None and pixels > tiles.above_pixels:
        return LargeImage(tiles.tiling)
    if one_by_one or pixels > WHOLE_PIXELS:
        return LargeImage(None)
    return read_whole(files.source, max_pixels=max_pixels, ranges=ranges)


def _predict_large(
    predictor: Predictor,
    step: PipelineItem[PredictionFiles, Read],
    *,
    paint: Callable[[Result], Image.Image],
    probabilities: bool,
    max_pixels: int,
    on_progress: OnProgress | None,
) -> PipelineItem[PredictionFiles, Read] | FileOutcome:
    """Predict an image whole, or in tiles and write its files; returns the outcome where they are written."""
    files, loaded, ranges = step.item, step.loaded, predictor.picture_range
    assert isinstance(loaded, LargeImage)
    future = Future[Result]()
    try:
        if loaded.tiling is not None:
            pixels = open_pixels(files.source, max_pixels=max_pixels, ranges=ranges)
            found = predict_large_image(
                predictor, pixels, files, tiling=loaded.tiling, paint=paint, on_progress=on_progress
            )
            narrow = _narrow(files.source, partial(_sample, pixels), ranges)
            return FileOutcome(files, nodata=found.nodata, narrow=narrow, shares=found.shares)
        predictor.check_memory(stored_size(files.source), probabilities=probabilities)  # before it is read
        image = read_whole(files.source, max_pixels=max_pixels, ranges=ranges)
        future.set_result(predictor(image, probabilities=probabilities))
    except OutputError as error:
        return FileOutcome(files, problem=own_problem(error, files))
    except (InputError, torch.OutOfMemoryError) as error:
        future.set_exception(error)
    return PipelineItem(files, loaded, future)


def _write(
    files: PredictionFiles,
    answer: PipelineItem[PredictionFiles, Read] | FileOutcome,
    *,
    save: Callable[[Result, Path], None],
    paint: Callable[[Result], Image.Image],
    device: torch.device,
    max_pixels: int,
    ranges: Ranges,
) -> FileOutcome:
    """Write the outputs of an image."""
    if isinstance(answer, FileOutcome):
        return answer
    try:
        if isinstance(answer.loaded, InputError):
            raise answer.loaded
        assert answer.result is not None
        result = answer.result.result()
        missing = missing_pixels(files.source, max_pixels=max_pixels)
        written = without_missing(result, missing)
        _write_result(written, files, save=save, paint=paint, has_missing=missing is not None)
    except OutputError as error:
        return FileOutcome(files, problem=own_problem(error, files))
    except InputError as error:
        return FileOutcome(files, problem=str(error) if str(files.source) in str(error) else f"{files.source}: {error}")
    except torch.OutOfMemoryError:
        return FileOutcome(files, problem=f"{files.source} does not fit into the memory of {device}; try --device cpu")
    nodata = 0 if missing is None else int(missing.sum())
    narrow = _narrow(files.source, lambda: result.image, ranges)
    return FileOutcome(files, nodata=nodata, narrow=narrow, shares=written.shares())


def _sample(pixels: Pixels) -> UInt8[np.ndarray, "h w c"]:
    """Some rows of an image that is read part by part."""
    height, width = pixels.size
    rows = range(0, height, max(height // _SAMPLED_ROWS, 1))
    return np.concatenate([pixels.read(slice(row, row + 1), slice(0, width)) for row in rows])


def _narrow(path: Path, image: Callable[[], UInt8[np.ndarray, "h w c"]], ranges: Ranges) -> int | None:
    if ranges or not has_16_bits(path):
        return None
    largest = int(image().max())
    return 257 * largest if largest < _NARROW else None


def _write_result(
    result: Result,
    files: PredictionFiles,
    *,
    save: Callable[[Result, Path], None],
    paint: Callable[[Result], Image.Image],
    has_missing: bool,
) -> None:
    save(result, files.labels)
    if reference := geo_reference(files.source):
        palette, mark = label_palette(result.space), result.space.ignore if has_missing else None
        write_geo_labels(files.geo_labels, result.labels, palette=palette, reference=reference, nodata=mark)
    if files.overlay is None:
        return
    if max(result.labels.shape) > MAX_JPEG_SIDE:
        raise InputError(f"no overlay, since a JPEG has at most {MAX_JPEG_SIDE} pixels per side; use --no-overlay")
    overlay = paint(result)
    with atomic_path(files.overlay) as temporary:
        overlay.save(temporary, quality=90)
