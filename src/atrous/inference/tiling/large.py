"""Pictures too large to be predicted whole: label maps and probabilities written while tiles are computed."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atrous.data.formats.tiff import geo_reference, write_geo_labels_in_tiles
from atrous.data.formats.windows import Pixels
from atrous.extras import require
from atrous.files import atomic_path
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.inference.tiling.mosaic import OnProgress, label_strips
from atrous.inference.tiling.tiles import Tiling
from atrous.report.label_png import label_palette
from atrous.report.label_rows import label_rows

WHOLE_PIXELS = 2**24
"""Larger pictures are cut unless the caller says otherwise: beyond 4096 x 4096 even small networks need gigabytes."""

OVERLAY_SIDE = 4096
"""Overlays of larger pictures show every second pixel, or third ..."""


@dataclass(frozen=True)
class Outputs:
    """Where the label map goes (PNG), its overlay (JPEG; None for none), and the labels of a GeoTIFF."""

    labels: Path
    overlay: Path | None
    geo_labels: Path


def predict_large(
    predictor: Predictor,
    pixels: Pixels,
    source: Path,
    outputs: Outputs,
    *,
    tiling: Tiling,
    on_progress: OnProgress | None = None,
) -> None:
    """Write the outputs for a picture, holding little more than a row of its tiles.

    Args:
        predictor: Of a single scale, without flip and pad.
        pixels: The picture.
        source: Its file, which may have a geo-reference.
        outputs: What goes where.
        tiling: How the picture is cut.
        on_progress: Progress.

    Raises:
        InputError: If the picture cannot be read or cut, or an output cannot be written.
    """
    reference, (height, width) = geo_reference(source), pixels.size
    if reference:
        require("tifffile", extra="geo", purpose=f"writing {outputs.geo_labels}")  # said before the work, not after it
    step = -(-max(height, width) // OVERLAY_SIDE)
    shrunk: list[tuple[np.ndarray, np.ndarray]] = []
    top = 0
    with ExitStack() as stack:
        write = stack.enter_context(label_rows(outputs.labels, predictor.labels, size=pixels.size))
        scratch = stack.enter_context(tempfile.TemporaryFile()) if reference else None
        for strip in label_strips(predictor.windows(pixels, tiling=tiling, on_progress=on_progress), width=width):
            write(strip)
            if scratch is not None:
                strip.tofile(scratch)
            if outputs.overlay is not None:
                rows = range(-(-top // step) * step, top + len(strip), step)
                shrunk += [(strip[row - top, ::step], _row(pixels, row)[::step]) for row in rows]
            top += len(strip)
        if scratch is not None:
            scratch.flush()
            palette = label_palette(predictor.labels)
            numbers = np.int16 if palette is None else np.uint8
            labels = np.memmap(scratch, dtype=numbers, mode="r", shape=(height, width))
            write_geo_labels_in_tiles(outputs.geo_labels, labels, palette=palette, reference=reference)
    if outputs.overlay is not None:
        labels, image = map(np.stack, zip(*shrunk, strict=True))
        with atomic_path(outputs.overlay) as temporary:
            Result(labels, image, predictor.labels).overlay().save(temporary, quality=90)


def save_probabilities(
    path: Path, predictor: Predictor, pixels: Pixels, *, tiling: Tiling, on_progress: OnProgress | None = None
) -> None:
    """Write the probability of every class at every pixel as a `.npy` file: float32 `[k, h, w]`.

    Args:
        path: The file, replaced as a whole or not at all.
        predictor: As for `predict_large`; so are the rest and the errors.
        pixels: The picture.
        tiling: How it is cut.
        on_progress: Progress.
    """
    shape = (len(predictor.labels), *pixels.size)
    with atomic_path(path) as temporary:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        for window in predictor.windows(pixels, tiling=tiling, on_progress=on_progress):
            full = np.lib.format.open_memmap(temporary, mode="r+")  # anew: pages that were written are given back
            for rows, probabilities in window.probabilities():
                full[:, rows, window.columns] = probabilities.cpu().numpy()


def _row(pixels: Pixels, row: int) -> np.ndarray:
    return pixels.read(slice(row, row + 1), slice(0, pixels.size[1]))[0]
