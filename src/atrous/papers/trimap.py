"""Counts inside the bands of the trimap curve by picture, so that they can be resampled (DeepLabv3+, section 4.4)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from atrous.data.dataset import DataSet
from atrous.data.formats.json_files import read_object
from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.evaluation.boundaries import WIDTHS, Trimap, TrimapCentre, trimap
from atrous.evaluation.counts import ImageCounts, block_overlaps
from atrous.evaluation.example import labelled_image
from atrous.files import atomic_path
from atrous.inference.pipeline import PipelineItem, predict_each
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from atrous.plain import from_plain, to_plain

_REMEDY = "delete it, so that the row is evaluated again"


@dataclass(frozen=True)
class BandCounts:
    """Counts of every picture inside bands.

    Attributes:
        around: What the bands surround.
        bands: Counts of the pictures by width of the band in pixels.
    """

    around: TrimapCentre
    bands: Mapping[str, tuple[ImageCounts, ...]]


def write_band_counts(
    path: Path, predictor: Predictor, dataset: DataSet, *, on_progress: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Predict every picture and write its counts inside each band as JSON.

    Raises:
        InputError: If a sample cannot be read or has no labels, or the file cannot be written.
    """
    steps = predict_each(
        predictor, range(len(dataset)), read=dataset.__getitem__, image_of=partial(labelled_image, predictor)
    )
    pictures = list[tuple[Sample, Trimap]]()
    for step in steps:
        pictures.append(_counted(step, dataset.labels))
        on_progress(len(pictures), len(dataset))
    # As in `evaluation.boundaries`: if some pictures have void pixels, those without any contribute nothing.
    around: TrimapCentre = "void" if any(counted.around == "void" for _, counted in pictures) else "label boundaries"
    pictures = [(sample, counted) for sample, counted in pictures if counted.around == around]
    bands = {
        str(width): tuple(_image_counts(counted.overlaps[number], sample) for sample, counted in pictures)
        for number, width in enumerate(WIDTHS)
    }
    content = to_plain(BandCounts(around, bands))
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_band_overlaps(path: Path, *, width: int, classes: int) -> Int64[np.ndarray, "blocks 3 k"]:
    """Read the overlaps inside the band of a width in pixels, by independent part of the data set.

    Raises:
        InputError: If the file cannot be read or lacks the band.
    """
    counts = from_plain(BandCounts, read_object(path, remedy=_REMEDY), where=str(path))
    if str(width) not in counts.bands:
        raise InputError(f"{path} has no band of {width} pixels; {_REMEDY}")
    return block_overlaps(counts.bands[str(width)], classes=classes)


def _counted(step: PipelineItem[int, Sample], space: LabelSpace) -> tuple[Sample, Trimap]:
    if isinstance(step.loaded, InputError):
        raise step.loaded
    assert step.result is not None
    assert step.loaded.labels is not None
    labels = step.result.result().labels
    return step.loaded, trimap(labels, step.loaded.labels, classes=len(space), ignore=space.ignore)


def _image_counts(overlap: Int64[np.ndarray, "3 k"], sample: Sample) -> ImageCounts:
    present = np.flatnonzero(overlap.any(axis=0))
    both, truth, predicted = (tuple(row) for row in overlap[:, present].tolist())
    return ImageCounts(sample.name, sample.sequence, tuple(present.tolist()), both, truth, predicted)
