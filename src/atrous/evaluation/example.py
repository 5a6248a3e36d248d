"""One evaluated image: truth, prediction, and where they differ."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, UInt8

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from atrous.report.pictures import colorize, error_map, visible


@dataclass(frozen=True)
class Example:
    """One evaluated image.

    Attributes:
        name: Of the sample.
        image: RGB or other channels, 0..255.
        truth: True class ids and the ignore value.
        labels: Predicted class ids.
        wrong: Share of wrong pixels among those with a true class, 0..1.
    """

    name: str
    image: UInt8[np.ndarray, "h w c"]
    truth: Integer[np.ndarray, "h w"]
    labels: Integer[np.ndarray, "h w"]
    wrong: float

    def pictures(self, space: LabelSpace) -> list[tuple[str, UInt8[np.ndarray, "h w 3"]]]:
        """Image, truth, prediction and mistakes, each with its caption."""
        return [
            (self.name, visible(self.image)),
            ("truth", colorize(self.truth, space)),
            ("prediction", colorize(self.labels, space)),
            (f"{self.wrong:.1%} wrong", error_map(self.labels, self.truth, space)),
        ]


def predicted(predictor: Predictor, sample: Sample, *, space: LabelSpace) -> Example:
    """Ask the predictor about a sample whose labels are of `space`.

    Raises:
        InputError: If the sample has no labels.
    """
    if sample.labels is None:
        raise InputError(f"{sample.name} has no labels; evaluation needs a mask for every picture")
    labels = predictor(sample.image).labels
    counted = sample.labels != space.ignore
    wrong = float((labels != sample.labels)[counted].mean()) if counted.any() else 0.0
    return Example(name=sample.name, image=sample.image, truth=sample.labels, labels=labels, wrong=wrong)
