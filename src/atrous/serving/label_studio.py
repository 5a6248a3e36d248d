"""Pre-annotations for Label Studio: the requests of its machine-learning backends, answered by a model.

Label Studio sends tasks, which name their pictures by address, and the configuration of its labels; it gets brush
strokes and polygons. Requests and answers: https://labelstud.io/guide/ml_create and https://labelstud.io/guide/predictions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from atrous.errors import reason
from atrous.inference.result import Result
from atrous.labels.polygons import trace_polygons
from atrous.serving.request_error import RequestError

LONGEST_CONFIG = 2**20
_LENGTHS = (3, 4, 8, 16)
"""Bits of the four lengths of runs."""


@dataclass(frozen=True)
class Control:
    """A tag of the configuration that draws on a picture.

    Attributes:
        kind: `brushlabels` or `polygonlabels`.
        name: Its name, which results state as `from_name`.
        picture: Name of the tag of the picture, which results state as `to_name`.
        key: Key of the task's data under which the address of the picture stands.
        labels: Names of its labels.
    """

    kind: str
    name: str
    picture: str
    key: str
    labels: tuple[str, ...]


def controls(config: str) -> list[Control]:
    """Find the tags of a label configuration that brush strokes or polygons can be given to.

    Raises:
        RequestError: 422 if it is no XML, declares entities, or has no such tag.
    """
    if len(config) > LONGEST_CONFIG or "<!" in config.replace("<!--", ""):
        raise RequestError(422, "label_config", "the label configuration is too long or declares entities; remove them")
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise RequestError(422, "label_config", f"the label configuration is no XML: {reason(error)}") from error
    pictures = {tag.get("name", ""): tag.get("value", "").lstrip("$") for tag in root.iter("Image")}
    found = [
        Control(
            tag.tag.lower(),
            tag.get("name", ""),
            tag.get("toName", ""),
            pictures[tag.get("toName", "")],
            tuple(label.get("value", "") for label in tag.iter("Label")),
        )
        for tag in root.iter()
        if tag.tag in ("BrushLabels", "PolygonLabels") and tag.get("toName", "") in pictures
    ]
    if not found:
        line = "the label configuration has no BrushLabels or PolygonLabels of an Image; add one of them"
        raise RequestError(422, "label_config", line)
    return found


def annotations(result: Result, control: Control, *, tolerance: float = 1.0) -> list[dict[str, Any]]:
    """Results of one control: a brush stroke per class, or a polygon per region.

    Labels and classes correspond by their names, whatever their case; classes without a label are left out.

    Args:
        result: The prediction.
        control: The tag that results are given to.
        tolerance: Largest distance in pixels of a removed corner of a polygon from the simplified line.
    """
    height, width = result.labels.shape
    named = {name.casefold(): label for label, name in enumerate(result.space.names)}
    shown = {named[label.casefold()]: label for label in control.labels if label.casefold() in named}
    values = _brushes(result, shown) if control.kind == "brushlabels" else _polygons(result, shown, tolerance)
    return [
        {
            "id": f"{control.name}-{number}",
            "from_name": control.name,
            "to_name": control.picture,
            "type": control.kind,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {**value, control.kind: [label]},
        }
        for number, (label, value) in enumerate(values)
    ]


def _brushes(result: Result, shown: dict[int, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for class_id, label in shown.items():
        inside = result.labels == class_id
        if inside.any():
            yield label, {"format": "rle", "rle": [*encode_brush(inside)]}


def _polygons(result: Result, shown: dict[int, str], tolerance: float) -> Iterator[tuple[str, dict[str, Any]]]:
    height, width = result.labels.shape
    for polygon in trace_polygons(result.labels, classes=shown, tolerance=tolerance, smallest=4):
        points: Float[ndarray, "n 2"] = polygon.outline * 100 / np.array([width, height])
        yield shown[polygon.label], {"points": points.round(4).tolist(), "closed": True}


def encode_brush(inside: Bool[np.ndarray, "h w"]) -> bytes:
    """Pixels as Label Studio's brush strokes; the inverse of `data/annotations/bitmaps.py`'s `decode_brush`.

    The values are the bytes of an RGBA picture, 255 inside and 0 outside, in runs. The head states 32 bits of their
    number, 5 of the bits of a value less one, and four times 4 of the bits of the lengths less one. A run is a bit of
    1, two bits for the length that is used, the length less one, and the value.
    """
    values = np.repeat(inside.ravel(), 4)
    starts = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    lengths = np.diff(starts, append=len(values))
    texts = [f"{len(values):032b}", f"{7:05b}", *(f"{bits - 1:04b}" for bits in _LENGTHS)]
    longest = 2 ** _LENGTHS[-1]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = "1" * 8 if values[start] else "0" * 8
        for part in (*[longest] * (length // longest), *[length % longest] * (length % longest > 0)):
            used = next(number for number, bits in enumerate(_LENGTHS) if part <= 2**bits)
            texts.append(f"1{used:02b}{part - 1:0{_LENGTHS[used]}b}{value}")
    bits = np.frombuffer("".join(texts).encode(), np.uint8) - ord("0")
    return np.packbits(bits).tobytes()
