"""A predictor on a data set: counts, protocol, and the pictures with the most mistakes."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.counts import Counts
from atrous.evaluation.example import Example, predicted
from atrous.evaluation.image_counts import ImageCounts
from atrous.evaluation.protocol import Protocol
from atrous.evaluation.report import Report
from atrous.inference.predictor import Predictor
from atrous.inference.prefetch import prefetch
from atrous.labels import LabelSpace

OnProgress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


def evaluate(
    predictor: Predictor, dataset: DataSet, *, keep_worst: int = 4, on_progress: OnProgress | None = None
) -> Report:
    """Predict every image whole; one sum of counts over all of them, taken in threads while the next is predicted.

    Args:
        predictor: Of classes that mean what the data set's mean.
        dataset: Labelled samples; read in threads.
        keep_worst: Of how many images, those with the largest share of wrong pixels, the report shows pictures.
        on_progress: Called after every image.

    Raises:
        InputError: If classes differ, the data set is empty, or a sample is unreadable or has no labels: a number over
            the rest would be another number.
    """
    space = common_labels(predictor.labels, dataset.labels)
    if not len(dataset):
        raise InputError(f"data set {dataset.name} has no images to evaluate on")
    samples = prefetch(dataset.__getitem__, range(len(dataset)))
    examples = (predicted(predictor, sample.result(), space=space) for _, sample in samples)
    total, images, worst = Counts.none(len(space)), list[ImageCounts](), list[Example]()
    for example, counted in prefetch(partial(Counts.of, space=space), examples):
        counts = counted.result()
        total += counts
        images.append(ImageCounts.of(counts.matrix, name=example.name, sequence=example.sequence))
        worst = sorted([*worst, example], key=lambda one: -one.wrong)[:keep_worst]
        if on_progress:
            on_progress(len(images), len(dataset))
    protocol = Protocol.of(predictor, dataset, trimap=total.trimap.around)
    return Report(protocol, space=space, counts=total, images=tuple(images), worst=tuple(worst))


def common_labels(weights: LabelSpace, data: LabelSpace) -> LabelSpace:
    """The names that both agree on, with the ignore value of the data.

    Classes without names (`class 0`, `class 1` ...) agree with any of the same number.

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
