"""Prediction of an image in tiles from file to file: outputs are written while tiles are computed."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image

from atrous.data.annotations.color_masks import occurrences
from atrous.data.formats.tiff import geo_reference, write_geo_labels_in_tiles
from atrous.data.formats.windows import Pixels, missing_rows
from atrous.errors import OutputError
from atrous.extras import require
from atrous.files import atomic_path
from atrous.inference.output_files import PredictionFiles
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result, class_shares, ignored_at
from atrous.inference.tiling.regions import OnProgress, joined_label_rows
from atrous.inference.tiling.tiles import Tiling
from atrous.report.label_png import label_dtype, label_palette, label_rows
from atrous.sizes import ceil_div

OVERLAY_SIDE = 4096
"""Longest side of an overlay; larger images are subsampled to it."""


@dataclass(frozen=True)
class LargeOutcome:
    """Counts over the label map of a large image.

    Attributes:
        nodata: Number of pixels without data, which have the ignore value.
        shares: Share 0..1 of the pixels by name of the classes that occur, the largest first.
    """

    nodata: int
    shares: dict[str, float]


def predict_large_image(
    predictor: Predictor,
    pixels: Pixels,
    files: PredictionFiles,
    *,
    tiling: Tiling,
    paint: Callable[[Result], Image.Image] = Result.overlay,
    on_progress: OnProgress | None = None,
) -> LargeOutcome:
    """Write the outputs of an image, holding little more than a row of its tiles in memory.

    Args:
        predictor: A predictor at scale 1, without flip and pad.
        pixels: The image.
        files: Its file, which may have a geo-reference, and the output files.
        tiling: Size and overlap of the tiles.
        paint: Draws the overlay.
        on_progress: Called with (tiles done, tiles in all).

    Returns:
        The number of pixels without data, and the shares of the classes.

    Raises:
        InputError: If the image cannot be read or divided into tiles, or an output cannot be written.
    """
    reference, (height, width) = geo_reference(files.source), pixels.size
    if reference:
        require("tifffile", extra="geo", purpose=f"writing {files.geo_labels}")  # found out before the work, not after
    step = ceil_div(max(height, width), OVERLAY_SIDE)
    subsampled: list[tuple[np.ndarray, np.ndarray]] = []
    top, nodata, ignore, dtype = 0, 0, predictor.labels.ignore, label_dtype(predictor.labels)
    counts = np.zeros(len(predictor.labels), np.int64)
    with ExitStack() as stack:
        write = stack.enter_context(label_rows(files.labels, predictor.labels, size=pixels.size))
        scratch = stack.enter_context(tempfile.TemporaryFile()) if reference else None
        for strip in joined_label_rows(predictor.regions(pixels, tiling=tiling, on_progress=on_progress), width=width):
            missing = missing_rows(pixels, slice(top, top + len(strip)))
            if missing is not None:
                strip, nodata = ignored_at(missing, strip, ignore=ignore), nodata + int(missing.sum())
            write(strip)
            counts += occurrences(strip, length=len(counts))[: len(counts)]
            if scratch is not None:
                _append(strip.astype(dtype), scratch)
            if files.overlay is not None:
                rows = range(ceil_div(top, step) * step, top + len(strip), step)
                subsampled += [(strip[row - top, ::step], _row(pixels, row)[::step]) for row in rows]
            top += len(strip)
        if reference and scratch is not None:
            scratch.flush()
            palette = label_palette(predictor.labels)
            labels = np.memmap(scratch, dtype=dtype, mode="r", shape=(height, width))
            mark = ignore if nodata else None
            write_geo_labels_in_tiles(files.geo_labels, labels, palette=palette, reference=reference, nodata=mark)
    if files.overlay is not None:
        labels, image = map(np.stack, zip(*subsampled, strict=True))
        with atomic_path(files.overlay) as temporary:
            paint(Result(labels, image, predictor.labels)).save(temporary, quality=90)
    return LargeOutcome(nodata, class_shares(counts, predictor.labels, pixels=height * width))


def _append(strip: np.ndarray, scratch: IO[bytes]) -> None:
    try:
        scratch.write(strip.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write a temporary file: {error.strerror or error}; free some space") from error


def _row(pixels: Pixels, row: int) -> np.ndarray:
    return pixels.read(slice(row, row + 1), slice(0, pixels.size[1]))[0]
