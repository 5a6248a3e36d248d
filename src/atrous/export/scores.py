"""Mean IoU of an exported file and of its weights, on the same labelled pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.evaluate import common_labels, evaluate, require_several_classes
from atrous.inference.engines.engine import Engine
from atrous.inference.predictor import Predictor
from atrous.weights.archive import Archive

MAX_LOST_POINTS = 0.5
"""Largest loss of mean IoU in percentage points with which an exported file passes."""

OnProgress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


@dataclass(frozen=True)
class Scores:
    """Mean IoU of weights and of an exported file on a labelled data set, whole images at scale 1.

    Attributes:
        data: Name of the data set.
        split: Its split.
        images: Number of images.
        weights_miou: Mean IoU of the weights in float32, 0..1.
        file_miou: Mean IoU of the exported file, 0..1.
    """

    data: str
    split: str
    images: int
    weights_miou: float
    file_miou: float

    @property
    def lost_points(self) -> float:
        """Percentage points of mean IoU by which the file is worse than the weights; negative where it is better."""
        return 100 * (self.weights_miou - self.file_miou)

    @property
    def passed(self) -> bool:
        """True if the file loses at most `MAX_LOST_POINTS`."""
        return self.lost_points <= MAX_LOST_POINTS

    def __str__(self) -> str:
        return (
            f"mean IoU {self.file_miou:.2%} against {self.weights_miou:.2%} of the weights on {self.images} images of "
            f"{self.data}, {self.split}: {self.lost_points:+.2f} points lost, at most {MAX_LOST_POINTS} allowed"
        )


def check_data(weights: Archive, data: DataSet) -> None:
    """Raise InputError for data that weights cannot be evaluated on: other classes, or labels of one class alone."""
    common_labels(weights.labels, data.labels)
    require_several_classes(data)


def score(weights: Archive, engine: Engine, data: DataSet, *, on_progress: OnProgress | None = None) -> Scores:
    """Evaluate weights and an exported file on the same labelled images.

    Args:
        weights: Weights on the CPU in float32.
        engine: The exported file.
        data: Labelled images with the classes of the weights.
        on_progress: Called after every image of each evaluation.

    Raises:
        InputError: If an image cannot be read, or no pixel has a label.
    """
    done, total = 0, 2 * len(data)

    def count(*_: int) -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    reports = [evaluate(Predictor(one), data, keep_worst=0, on_progress=count) for one in (weights, engine)]
    weights_miou, file_miou = (report.miou for report in reports)
    if weights_miou is None or file_miou is None:
        raise InputError(f"data set {data.name} has no labelled pixel; give --data with labels")
    split = str(data.describe().get("split", "all"))
    return Scores(data.name, split, images=len(data), weights_miou=weights_miou, file_miou=file_miou)
