"""Results in the forms that a request can ask for: PNG, NPY and JSON."""

import base64
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Integer, UInt8
from PIL import Image

from atrous.data.writers.coco import run_lengths
from atrous.inference.result import Result
from atrous.labels import LabelSpace
from atrous.labels.polygons import trace_polygons
from atrous.report.label_png import label_dtype, label_palette

Output = Literal["json", "labels", "overlay", "probabilities", "polygons", "coco_rle"]

PNG, NPY, JSON = "image/png", "application/x-npy", "application/json"


@dataclass(frozen=True)
class AnswerSettings:
    """Settings of the form of an answer.

    Attributes:
        output: The form.
        tolerance: Largest distance in pixels of a removed corner of a polygon from the simplified line.
        opacity: Weight of the class colours in overlays, 0..1.
        certainty: If true, JSON also holds the two largest probabilities and the entropy of every pixel.
    """

    output: Output = "json"
    tolerance: float = 1.0
    opacity: float = 0.55
    certainty: bool = False

    @property
    def needs_probabilities(self) -> bool:
        """True if the answer is made from the probabilities of all classes."""
        return self.output == "probabilities" or (self.output == "json" and self.certainty)


def encoded(result: Result, settings: AnswerSettings, *, facts: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return a result as content and content type.

    Args:
        result: With probabilities where the settings need them.
        settings: The form.
        facts: Entries that JSON objects have besides: the name of the model, settings, times.
    """
    match settings.output:
        case "labels":
            return label_png(result.labels, result.space), PNG
        case "overlay":
            return _png(result.overlay(opacity=settings.opacity)), PNG
        case "probabilities":
            return _npy(result), NPY
        case "polygons":
            return _json({**_frame(result, facts), "polygons": _polygons(result, settings.tolerance)}), JSON
        case "coco_rle":
            return _json(_coco(result)), JSON
        case "json":
            return _json(_everything(result, settings, facts)), JSON


def label_png(labels: Integer[np.ndarray, "h w"], space: LabelSpace) -> bytes:
    """A label map as PNG whose pixel values are class ids: indexed, or 16-bit grey for more than 255 classes."""
    picture = Image.fromarray(labels.astype(label_dtype(space)))
    if (palette := label_palette(space)) is not None:
        picture.putpalette(palette)
    return _png(picture)


def certainty_maps(probabilities: Float[np.ndarray, "k h w"]) -> dict[str, UInt8[np.ndarray, "h w"] | Any]:
    """The two largest probabilities of every pixel, the class of the second, and the entropy.

    Args:
        probabilities: 0..1 by class.

    Returns:
        `best`, `second`: probabilities, of which 255 is 1; `second_class`: class ids; `entropy`: of the distribution,
        of which 255 is the logarithm of the number of classes. With a single class, second and entropy are 0.
    """
    classes, height, width = probabilities.shape
    best, second = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    first_class, second_class = np.zeros((height, width), np.int64), np.zeros((height, width), np.int64)
    entropy = np.zeros((height, width), np.float32)
    for label in range(classes):  # class by class: a sort of all would take as much memory again
        values = probabilities[label].astype(np.float32)
        is_best = values > best
        is_second = ~is_best & (values > second)
        second_class = np.where(is_best, first_class, np.where(is_second, label, second_class))
        second = np.where(is_best, best, np.where(is_second, values, second))
        first_class, best = np.where(is_best, label, first_class), np.where(is_best, values, best)
        entropy -= values * np.log(np.maximum(values, 1e-30))
    entropy /= math.log(classes) if classes > 1 else 1.0
    levels = {name: _bytes_of(values) for name, values in (("best", best), ("second", second), ("entropy", entropy))}
    return {**levels, "second_class": second_class}


def _bytes_of(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _everything(result: Result, settings: AnswerSettings, facts: Mapping[str, Any]) -> dict[str, Any]:
    answer = {
        **_frame(result, facts),
        "segmentation_mask": _text(label_png(result.labels, result.space)),
        "shares": result.shares(),
        "polygons": _polygons(result, settings.tolerance),
    }
    if settings.certainty and result.probabilities is not None:
        maps = certainty_maps(result.probabilities)
        second_class = maps.pop("second_class")
        answer["certainty"] = {
            **{name: _text(_png(Image.fromarray(values))) for name, values in maps.items()},
            "second_class": _text(label_png(second_class, result.space)),
        }
    return answer


def _frame(result: Result, facts: Mapping[str, Any]) -> dict[str, Any]:
    height, width = result.labels.shape
    class_map = {str(label): name for label, name in enumerate(result.space.names)}
    return {**facts, "image": {"width": width, "height": height}, "class_map": class_map}


def _polygons(result: Result, tolerance: float) -> list[dict[str, Any]]:
    polygons = trace_polygons(result.labels, classes=range(len(result.space)), tolerance=tolerance)
    return [
        {
            "class_id": polygon.label,
            "class": result.space.names[polygon.label],
            "pixels": polygon.pixels,
            "outline": polygon.outline.round(2).tolist(),
            "holes": [hole.round(2).tolist() for hole in polygon.holes],
        }
        for polygon in polygons
    ]


def _coco(result: Result) -> dict[str, Any]:
    """A COCO data set of one image; ids of categories are class ids plus one, since 0 is no category there."""
    height, width = result.labels.shape
    present = [label for label in np.unique(result.labels).tolist() if label < len(result.space)]
    return {
        "images": [{"id": 1, "file_name": "image", "width": width, "height": height}],
        "categories": [{"id": label + 1, "name": name} for label, name in enumerate(result.space.names)],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": label + 1, **run_lengths(result.labels == label)}
            for number, label in enumerate(present, start=1)
        ],
    }


def _npy(result: Result) -> bytes:
    assert result.probabilities is not None
    file = io.BytesIO()
    np.save(file, result.probabilities.astype(np.float16))
    return file.getvalue()


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=4)  # half the time of the default, a tenth larger
    return file.getvalue()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
