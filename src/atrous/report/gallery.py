"""The gallery of a page: images under their labels, to be sorted, filtered and enlarged in a browser."""

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from PIL import Image

from atrous.labels import LabelSpace
from atrous.report.tables import shown
from atrous.report.wording import one_line

LARGEST_SIDE = 640
"""Pixels of an image's longer side in a page, at most: a page of a hundred images stays below ten megabytes."""


@dataclass(frozen=True)
class GalleryImage:
    """One image of a gallery, encoded.

    Attributes:
        name: Of the image.
        photo: The image as JPEG.
        layers: Pictures of its size as PNG, by name: what can be laid over it.
        scores: A number 0..1 for each class, or None where the class does not occur.
        mean: The number that the image is ranked by unless a class is chosen, 0..1, or None.
    """

    name: str
    photo: bytes
    layers: Mapping[str, bytes]
    scores: Mapping[str, float | None]
    mean: float | None

    @classmethod
    def encoded(
        cls,
        name: str,
        photo: UInt8[np.ndarray, "h w 3"],
        layers: Mapping[str, UInt8[np.ndarray, "h w 3"]],
        *,
        scores: Mapping[str, float | None],
        mean: float | None,
    ) -> "GalleryImage":
        """An image and its layers, shrunk to `LARGEST_SIDE` and compressed; layers keep exact colours."""
        height, width = photo.shape[:2]
        factor = min(LARGEST_SIDE / max(height, width), 1.0)
        size = max(round(width * factor), 1), max(round(height * factor), 1)
        shrunk = Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)
        flat = {
            layer: _png(Image.fromarray(picture).resize(size, Image.Resampling.NEAREST))
            for layer, picture in layers.items()
        }
        file = io.BytesIO()
        shrunk.save(file, format="jpeg", quality=85)
        return cls(name, file.getvalue(), flat, dict(scores), mean)


def gallery_markup(images: Sequence[GalleryImage], *, space: LabelSpace, layers: Sequence[str]) -> Markup:
    """The gallery as markup that shows all images without its script, and gains controls with it.

    Args:
        images: In the order of the page; the script sorts them.
        space: The classes that can be chosen.
        layers: Names of the layers, the one that is shown first in front.
    """
    names = [one_line(name) for name in space.names]
    cards = [_card(image, names=space.names, layers=layers) for image in images]
    return Markup(load_template("gallery.html.jinja").render(names=names, layers=layers, cards=cards))


@cache
def viewer_script() -> str:
    """The module that brings a gallery to life; it makes no request and sets texts as texts."""
    folder = files("atrous.report")
    return "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in ("viewer.js", "gallery.js"))


def _card(image: GalleryImage, *, names: Sequence[str], layers: Sequence[str]) -> dict[str, object]:
    """One image as the template takes it."""
    return {
        "name": one_line(image.name),
        "scores": json.dumps({one_line(name): _rounded(image.scores.get(name)) for name in names}),
        "mean": "nan" if image.mean is None else f"{image.mean:.4f}",
        "shown": shown(_rounded(image.mean), ".3f"),
        "photo": data_uri("jpeg", image.photo),
        "layers": [(layer, data_uri("png", image.layers[layer])) for layer in layers],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 4)


def _png(picture: Image.Image) -> bytes:
    """A picture of at most 256 colours with a palette, which is small and exact; others as they are."""
    pixels = np.asarray(picture)
    colors, index = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    if len(colors) <= 256:
        picture = Image.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8))
        picture.putpalette(colors.tobytes())
    file = io.BytesIO()
    picture.save(file, format="png", optimize=True)
    return file.getvalue()


def data_uri(kind: str, content: bytes) -> str:
    """Return the bytes of an image as an address that holds them; `kind` is `png` or `jpeg`."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


@cache
def load_template(name: str) -> Any:
    """A template of this folder that escapes all that is put into it; jinja2 loads with the first of them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("atrous.report", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(name)
