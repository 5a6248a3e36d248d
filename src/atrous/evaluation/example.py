"""One image of an evaluation with its true and its predicted labels."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.evaluation import metrics
from atrous.evaluation.metrics import finite_or_none
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from atrous.report.gallery import GalleryImage
from atrous.report.label_colors import colorize
from atrous.report.pictures import error_map, visible
from atrous.sizes import ceil_div


@dataclass(frozen=True)
class Example:
    """An evaluated image.

    Attributes:
        name: Name of the sample.
        image: RGB or other channels, 0..255.
        truth: True class ids and the ignore value.
        prediction: Predicted class ids.
        wrong: Share of wrongly predicted pixels among the labelled ones, 0..1.
        sequence: Video that the image is a frame of; empty for a single image.
    """

    name: str
    image: UInt8[np.ndarray, "h w c"]
    truth: Integer[np.ndarray, "h w"]
    prediction: Integer[np.ndarray, "h w"]
    wrong: float
    sequence: str = ""

    @classmethod
    def of(cls, sample: Sample, prediction: Integer[np.ndarray, "h w"], *, space: LabelSpace) -> "Example":
        """Return the example of a labelled sample and its predicted label map."""
        assert sample.labels is not None
        counted = sample.labels != space.ignore
        wrong = float((prediction != sample.labels)[counted].mean()) if counted.any() else 0.0
        return cls(sample.name, sample.image, sample.labels, prediction, wrong=wrong, sequence=sample.sequence)

    def subsampled(self, side: int) -> "Example":
        """Return the example with every n-th row and column, so that no side is longer; itself where none is."""
        step = ceil_div(max(self.truth.shape), side)
        if step == 1:
            return self
        image, truth, prediction = (part[::step, ::step].copy() for part in (self.image, self.truth, self.prediction))
        return replace(self, image=image, truth=truth, prediction=prediction)

    def pictures(self, space: LabelSpace) -> list[tuple[str, UInt8[np.ndarray, "h w 3"]]]:
        """Return captions and RGB images of the input, the truth, the prediction and the wrong pixels."""
        return [
            (self.name, visible(self.image)),
            ("truth", colorize(self.truth, space)),
            ("prediction", colorize(self.prediction, space)),
            (f"{self.wrong:.1%} wrong", error_map(self.prediction, self.truth, space)),
        ]

    def gallery_image(self, matrix: Int64[np.ndarray, "k k"], space: LabelSpace) -> GalleryImage:
        """Return the image with prediction, truth and errors as layers, scored by the IoU of its confusion matrix."""
        layers = {
            "prediction": colorize(self.prediction, space),
            "truth": colorize(self.truth, space),
            "errors": error_map(self.prediction, self.truth, space),
        }
        scores = dict(zip(space.names, map(finite_or_none, metrics.iou(matrix).tolist()), strict=True))
        mean = finite_or_none(metrics.miou(matrix))
        return GalleryImage.encoded(self.name, visible(self.image), layers, scores=scores, mean=mean)


LAYERS = ("prediction", "truth", "errors")
"""The layers of a gallery image, the first one shown first."""


def labelled_image(predictor: Predictor, sample: Sample) -> UInt8[np.ndarray, "h w c"]:
    """Return the image of a sample as the predictor takes it.

    Raises:
        InputError: If the sample has no labels, or the predictor refuses its image.
    """
    if sample.labels is None:
        raise InputError(f"{sample.name} has no labels; evaluation needs a mask for every picture")
    try:
        return predictor.image_array(sample.image)
    except InputError as error:
        raise InputError(f"{sample.name}: {error}") from error


def predicted(predictor: Predictor, sample: Sample, *, space: LabelSpace) -> Example:
    """Predict a sample whose labels are of `space`.

    Raises:
        InputError: If the sample has no labels, or the predictor refuses its image.
    """
    return Example.of(sample, predictor(labelled_image(predictor, sample)).labels, space=space)
