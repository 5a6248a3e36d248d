"""Pre-annotations for Label Studio: the requests of its machine-learning backends, answered by a model.

Label Studio sends tasks, which name their pictures by address, and the configuration of its labels; it gets brush
strokes and polygons. Pictures are read from the one Label Studio that the server was started for, and from nowhere
else. Requests and answers: https://labelstud.io/guide/ml_create and https://labelstud.io/guide/predictions.
"""

import base64
import binascii
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from atrous.errors import InputError, reason
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


class PictureSource:
    """Reads the pictures of tasks from one Label Studio.

    Args:
        address: Its address, such as `http://localhost:8080`.
        key: Its access token; None where it needs none.
        max_bytes: Largest picture.
        seconds: Time that a picture may take.

    Raises:
        InputError: If the address is none of http or https.
    """

    def __init__(self, address: str, *, key: str | None, max_bytes: int, seconds: float) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"--label-studio {address}: give the address of Label Studio, as http://localhost:8080")
        self._address, self._key = address.rstrip("/") + "/", key
        self._max_bytes, self._seconds = max_bytes, seconds
        self._opener = urllib.request.build_opener(_NoRedirect)

    def read(self, written: object) -> bytes:
        """Read a picture by the address that a task states; blocks.

        Raises:
            RequestError: 422 if the address is of another host, or gives no picture.
        """
        if not isinstance(written, str) or not written:
            raise RequestError(422, "picture_address", f"the task states no address of a picture: {written!r:.80}")
        if written.startswith("data:"):
            return _of_data_address(written)
        try:
            address = urljoin(self._address, written)
        except ValueError:
            address = ""
        if _origin(address) != _origin(self._address):
            line = f"{written:.200} is not on {self._address}; only pictures of this Label Studio are read"
            raise RequestError(422, "picture_address", line)
        headers = {"Authorization": f"Token {self._key}"} if self._key else {}
        try:
            with self._opener.open(urllib.request.Request(address, headers=headers), timeout=self._seconds) as answer:
                content: bytes = answer.read(self._max_bytes + 1)
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise RequestError(422, "picture_address", f"cannot read {written:.200}: {reason(error)}") from error
        if len(content) > self._max_bytes:
            raise RequestError(413, "too_many_bytes", f"{written:.200} has more than {self._max_bytes} bytes")
        return content


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: a redirect could lead to any host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse every redirect."""
        return


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)


def _of_data_address(written: str) -> bytes:
    head, _, body = written.partition(",")
    try:
        if not head.endswith(";base64"):
            raise ValueError("it is not in base64")
        return base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestError(422, "picture_address", f"the task's data address cannot be read: {error}") from error


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
