"""Evaluation of a predictor on a labelled data set."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np
import torch
from jaxtyping import UInt8

from atrous.data.cache import CachedDataSet
from atrous.data.dataset import DataSet
from atrous.data.formats.value_range import Ranges
from atrous.data.joined import JoinedData
from atrous.data.pairs import PairedFiles
from atrous.data.sample import Sample
from atrous.data.selection import Selection
from atrous.errors import InputError
from atrous.evaluation.counts import Counts, ImageCounts
from atrous.evaluation.example import Example, labelled_image
from atrous.evaluation.protocol import Protocol
from atrous.evaluation.report import Report
from atrous.inference.in_tiles import WHOLE_PIXELS
from atrous.inference.pipeline import PipelineItem, predict_each
from atrous.inference.predictor import Predictor
from atrous.inference.prefetch import prefetch
from atrous.inference.result import Result
from atrous.labels import LabelSpace
from atrous.report.gallery import GalleryImage

OnProgress = Callable[[int, int], None]
"""Called with (images done, images in all)."""

SHOWN_SIDE = 4096
"""Longest side of an image that is kept to be shown; larger ones are subsampled to it."""

Counted = tuple[Example, Counts, GalleryImage | None]


def evaluate(
    predictor: Predictor,
    dataset: DataSet,
    *,
    keep_worst: int = 4,
    gallery: int = 0,
    on_progress: OnProgress | None = None,
) -> Report:
    """Predict every image and sum the pixel counts over all of them.

    Images are read, predicted and counted in threads (`inference/pipeline.py`). One of more than 4096 x 4096 pixels is
    predicted in tiles, as by `atrous predict`, and the protocol says so; with scales, flip, padding or an exported file
    it is predicted whole.

    Args:
        predictor: A model with the same classes as the data set.
        dataset: Labelled samples. Deep pictures whose folder declares no range are read in the predictor's.
        keep_worst: Number of images, those with the largest shares of wrong pixels, that the report shows.
        gallery: Largest number of images, evenly spread over the data set, that the report's page shows in a gallery.
        on_progress: Called after every image.

    Raises:
        InputError: If classes differ, the data set is empty, or a sample cannot be read, has no labels or cannot fit
            into memory: a result over the remaining samples would be another result.
    """
    dataset, space = prepared(predictor, dataset)
    indices = range(len(dataset))
    chosen = gallery_indices(len(dataset), gallery)
    part = evaluate_part(
        predictor, dataset, indices, space=space, keep_worst=keep_worst, chosen=chosen, on_progress=on_progress
    )
    return part.report(predictor, dataset, space=space)


@dataclass(frozen=True)
class PartialEvaluation:
    """Counts of some images of a data set.

    Attributes:
        total: Sum of their counts.
        images: Counts of each of them, in their order.
        worst: Those with the largest shares of wrong pixels, the worst first.
        gallery: Those that the report's page shows.
        in_tiles: True if one of them was predicted in tiles.
    """

    total: Counts
    images: tuple[ImageCounts, ...]
    worst: tuple[Example, ...]
    gallery: tuple[GalleryImage, ...]
    in_tiles: bool = False

    def joined(self, following: "PartialEvaluation", *, keep_worst: int) -> "PartialEvaluation":
        """Counts of these images and those that follow them, equal to those of one evaluation of all."""
        return PartialEvaluation(
            self.total + following.total,
            self.images + following.images,
            _worst([*self.worst, *following.worst], keep_worst),
            self.gallery + following.gallery,
            self.in_tiles or following.in_tiles,
        )

    def report(self, predictor: Predictor, dataset: DataSet, *, space: LabelSpace) -> Report:
        """Return the report on a data set of these images."""
        protocol = Protocol.of(predictor, dataset, trimap=self.total.trimap.around, in_tiles=self.in_tiles)
        return Report(
            protocol, space=space, counts=self.total, images=self.images, worst=self.worst, gallery=self.gallery
        )


def prepared(predictor: Predictor, dataset: DataSet) -> tuple[DataSet, LabelSpace]:
    """The data set as a predictor reads it, and the label space of both.

    Raises:
        InputError: If classes differ, or the data set is empty.
    """
    dataset = _in_range(dataset, predictor.picture_range) if predictor.picture_range else dataset
    space = common_labels(predictor.labels, dataset.labels)
    if not len(dataset):
        raise InputError(f"data set {dataset.name} has no images to evaluate on")
    return dataset, space


def gallery_indices(images: int, gallery: int) -> frozenset[int]:
    """Indices of up to `gallery` images, evenly spread over a data set."""
    return frozenset(np.linspace(0, images - 1, min(gallery, images), dtype=int).tolist())


def evaluate_part(
    predictor: Predictor,
    dataset: DataSet,
    indices: Sequence[int],
    *,
    space: LabelSpace,
    keep_worst: int,
    chosen: frozenset[int],
    on_progress: OnProgress | None = None,
) -> PartialEvaluation:
    """Predict and count some images of a data set, as `evaluate` does for all.

    Args:
        predictor: A model with the classes of `space`.
        dataset: Labelled samples, as `prepared` returns them.
        indices: Numbers of the samples.
        space: Label space of predictor and data.
        keep_worst: Number of images, those with the largest shares of wrong pixels, that are kept.
        chosen: Numbers of the samples that the gallery shows.
        on_progress: Called after every image with (images done, images in all).
    """
    steps = predict_each(
        predictor,
        indices,
        read=dataset.__getitem__,
        image_of=partial(_image_among_others, predictor),
        bytes_of=_sample_bytes,
    )
    total, images, worst, shown = Counts.zeros(len(space)), list[ImageCounts](), list[Example](), list[GalleryImage]()
    counting = partial(_counted, space=space, chosen=chosen)
    in_tiles = False

    def answers() -> Iterator[PipelineItem[int, Sample] | Counted]:
        """A large image is predicted and counted at once, while no other one is: its sample is in memory only then."""
        nonlocal in_tiles
        for step in steps:
            if step.result is not None or isinstance(step.loaded, InputError):
                yield step
                continue
            in_tiles = in_tiles or predictor.allows_tiles
            yield counting(replace(step, result=_predicted_alone(predictor, step.loaded)))

    for _, counted in prefetch(counting, answers(), depth=torch.get_num_threads() + 1):
        example, counts, shown_image = counted.result()
        shown += [shown_image] if shown_image else []
        total += counts
        images.append(ImageCounts.of(counts.matrix, name=example.name, sequence=example.sequence))
        worst = [*_worst([*worst, example], keep_worst)]
        if on_progress:
            on_progress(len(images), len(indices))
    return PartialEvaluation(total, tuple(images), tuple(worst), tuple(shown), in_tiles)


def _image_among_others(predictor: Predictor, sample: Sample) -> UInt8[np.ndarray, "h w c"] | None:
    """The image of a sample; None for one that is predicted by itself, because it is large."""
    image = labelled_image(predictor, sample)
    return None if prod(image.shape[:2]) > WHOLE_PIXELS else image


def _sample_bytes(sample: Sample) -> int:
    return sample.image.nbytes + (0 if sample.labels is None else sample.labels.nbytes)


def _predicted_alone(predictor: Predictor, sample: Sample) -> Future[Result]:
    """The prediction of a large image: in tiles, or whole where the predictor allows none.

    Raises:
        InputError: If it cannot be read, or there is too little memory.
    """
    image, future = labelled_image(predictor, sample), Future[Result]()
    try:
        future.set_result(predictor(image))
    except InputError as error:
        raise InputError(f"{sample.name}: {error}") from error
    return future


def _worst(examples: Sequence[Example], number: int) -> tuple[Example, ...]:
    """The examples with the largest shares of wrong pixels; of equal ones, those that come first."""
    return tuple(sorted(examples, key=lambda example: -example.wrong)[:number])


def require_several_classes(dataset: DataSet) -> None:
    """Refuse a data set whose labels are all of one class: a score over one class says nothing.

    Samples are read until two classes are found, most often one sample.

    Raises:
        InputError: If there is one class alone, or a sample cannot be read.
    """
    found = set[int]()
    for index in range(len(dataset)):
        labels = dataset[index].labels
        found |= set[int]() if labels is None else {*np.unique(labels).tolist()} - {dataset.labels.ignore}
        if len(found) > 1:
            return
    for only in found:
        split = dataset.describe().get("split", "all")
        raise InputError(
            f"{dataset.name}: {dataset.labels.names[only]!r} is the only class in {split}, and a score over one class "
            "says nothing; choose another split, or add pictures of the other classes"
        )


def _counted(step: PipelineItem[int, Sample] | Counted, *, space: LabelSpace, chosen: frozenset[int]) -> Counted:
    """An example with its counts, and its picture for the gallery where it is one of the chosen."""
    if isinstance(step, tuple):
        return step
    if isinstance(step.loaded, InputError):
        raise step.loaded
    assert step.result is not None
    example = Example.of(step.loaded, step.result.result().labels, space=space)
    counts = Counts.from_example(example, space=space)
    example = example.subsampled(SHOWN_SIDE)
    return example, counts, example.gallery_image(counts.matrix, space) if step.item in chosen else None


def common_labels(weights: LabelSpace, data: LabelSpace) -> LabelSpace:
    """Label space that weights and data have in common, with the ignore value of the data.

    Classes without names (`class 0`, `class 1` ...) agree with any names of the same number of classes.

    Raises:
        InputError: If the numbers of classes or their names differ.
    """
    if len(weights) != len(data):
        raise InputError(
            f"the weights have {len(weights)} classes but the data has {len(data)}; "
            "evaluate on data with the classes that the weights were trained for"
        )
    unnamed = LabelSpace.unnamed(len(data)).names
    for label, (ours, theirs) in enumerate(zip(weights.names, data.names, strict=True)):
        if ours != theirs and unnamed not in (weights.names, data.names):
            raise InputError(
                f"class {label} is {ours!r} in the weights but {theirs!r} in the data; give the data a schema.toml "
                "with the classes in the order and spelling of the weights"
            )
    return data if data.names != unnamed else replace(weights, ignore=data.ignore)


def _in_range(dataset: DataSet, ranges: Ranges) -> DataSet:
    """Return the data with pictures read in `ranges` where its folder declares none; cached ones are read again."""
    if isinstance(dataset, PairedFiles) and not dataset.schema.ranges:
        return replace(dataset, schema=replace(dataset.schema, ranges=ranges))
    if isinstance(dataset, Selection):
        return replace(dataset, source=_in_range(dataset.source, ranges))
    if isinstance(dataset, JoinedData):
        return replace(dataset, parts=tuple(_in_range(part, ranges) for part in dataset.parts))
    if isinstance(dataset, CachedDataSet) and (source := _in_range(dataset.source, ranges)) != dataset.source:
        return source
    return dataset
