"""Pictures of label maps: laid over the photo, where they are wrong, side by side, and with a legend."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import SupportsIndex

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageDraw, ImageFont

from atrous.errors import InputError
from atrous.labels import Color, LabelSpace
from atrous.report.label_colors import colorize, ignore_color, label_index
from atrous.report.wording import shortened

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

RIGHT: Color = (72, 72, 72)
"""Colour of rightly labelled pixels in `error_map`: a dim grey."""

WRONG: Color = (255, 64, 48)
"""Colour of wrongly labelled pixels in `error_map`."""

_PAPER: Color = (255, 255, 255)
_INK: Color = (32, 32, 32)
_LEGEND_LIMIT = 200


def visible(image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """An image of any number of channels as RGB: the first three, or the first as grey where there are fewer."""
    return image[..., :3] if image.shape[2] >= 3 else image[..., :1].repeat(3, axis=2)


def overlay(
    image: UInt8[np.ndarray, "h w c"],
    labels: Integer[np.ndarray, "h w"],
    space: LabelSpace,
    *,
    opacity: float = 0.55,
    bare: int | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """The photo with the class colours laid over it; ignored pixels keep the photo.

    Args:
        image: RGB, or other channels made `visible`, 0..255.
        labels: Class ids and the ignore value, of the size of the image.
        space: Gives the colours.
        opacity: Share of the class colour, 0 (photo only) to 1 (colours only).
        bare: A class whose pixels keep the photo, too.

    Returns:
        (1 - opacity) * image + opacity * colour, rounded to the nearest integer.

    Raises:
        InputError: If a value is neither a class id nor the ignore value.
        ValueError: If the opacity is outside 0..1 or the sizes differ.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity {opacity} is outside 0..1")
    _check_same_size(image.shape[:2], labels.shape)
    image = visible(image)
    tint = colorize(labels, space).astype(np.float32)
    blend = np.rint(image + np.float32(opacity) * (tint - image)).astype(np.uint8)
    kept = labels == space.ignore if bare is None else (labels == space.ignore) | (labels == bare)
    return np.where(kept[..., None], image, blend)


def error_map(
    labels: Integer[np.ndarray, "h w"], truth: Integer[np.ndarray, "h w"], space: LabelSpace
) -> UInt8[np.ndarray, "h w 3"]:
    """A map of the mistakes of a prediction: right pixels dim grey (`RIGHT`), wrong pixels bright red (`WRONG`).

    Pixels that the truth ignores are neither and get the colour that `colorize` gives them; a prediction of the ignore
    value where the truth has a class is wrong. The wrong pixels have one colour for all classes, because a class's own
    colour may be as dark as the grey.

    Raises:
        InputError: If a value of either map is neither a class id nor the ignore value.
        ValueError: If the sizes differ.
    """
    _check_same_size(labels.shape, truth.shape)
    predicted = label_index(labels, space, where="prediction")
    wanted = label_index(truth, space, where="truth")
    outcome = np.where(wanted == len(space), 2, predicted != wanted)
    return np.array([RIGHT, WRONG, ignore_color(space)], np.uint8).take(outcome, axis=0)


def with_legend(
    picture: UInt8[np.ndarray, "h w 3"], space: LabelSpace, *, present: Iterable[SupportsIndex]
) -> UInt8[np.ndarray, "_ _ 3"]:
    """The picture with a strip below it that names the colours.

    The letters grow with the picture, and a picture too small for them is set on wider white paper, so that the strip
    can be read at any size. Names are cut to the room of their column and spelled in the letters that the font has.

    Args:
        picture: RGB; its pixels are unchanged in the result, at the top left.
        space: Gives names and colours.
        present: The class ids to name, in any order; the ignore value is left out. After 200 names comes their number.

    Raises:
        InputError: If `present` holds anything else.
    """
    ids = sorted({int(label) for label in present} - {space.ignore})
    strangers = [label for label in ids if not 0 <= label < len(space)]
    if strangers:
        raise InputError(f"legend: {strangers[0]} is no class id 0..{len(space) - 1}; name classes of this label space")
    if not ids:
        return picture
    size = min(max(picture.shape[1] // 40, 13), 48)
    entries: list[tuple[Color | None, str]] = [
        (space.palette[label], spelled(space.names[label], otherwise=f"class {label}")) for label in ids[:_LEGEND_LIMIT]
    ]
    if len(ids) > _LEGEND_LIMIT:
        entries.append((None, f"and {len(ids) - _LEGEND_LIMIT} more"))
    return _stacked(Image.fromarray(picture), _legend(entries, width=max(picture.shape[1], 16 * size), size=size))


def side_by_side(
    pictures: Sequence[tuple[str, UInt8[np.ndarray, "_ _ 3"]]], *, height: int | None = None
) -> UInt8[np.ndarray, "_ _ 3"]:
    """Pictures in a row, each under its caption.

    Args:
        pictures: (caption, RGB picture), at least one. Captions are cut to the width of their picture.
        height: All pictures are resized to this height in pixels, keeping their shape; None takes the tallest's.
            Enlarging repeats pixels, so that small label maps stay sharp; reducing averages them.

    Raises:
        ValueError: If there is no picture.
    """
    if not pictures:
        raise ValueError("side_by_side needs at least one picture")
    rows = max(picture.shape[0] for _, picture in pictures) if height is None else height
    size = min(max(rows // 20, 13), 32)
    font, gap = load_font(size), size // 2
    panels = [_resized(picture, rows) for _, picture in pictures]
    sheet = Image.new("RGB", (sum(panel.width + gap for panel in panels) - gap, rows + 2 * size), _PAPER)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for (caption, _), panel in zip(pictures, panels, strict=True):
        text = fitted(spelled(caption, otherwise=""), font, width=panel.width)
        draw.text((left, size), text, fill=_INK, font=font, anchor="lm")
        sheet.paste(panel, (left, 2 * size))
        left += panel.width + gap
    return np.array(sheet)


def load_font(size: int) -> Font:
    """The font that comes with Pillow at `size` pixels: the same on every machine, little more than ASCII."""
    return ImageFont.load_default(size=size)


def spelled(text: str, *, otherwise: str) -> str:
    """`text` in the letters that the font has: accents are dropped, a letter without a counterpart becomes `?`.

    Where no letter or digit is left (a name in another script), `otherwise`, which should identify it by number.
    """
    parts = unicodedata.normalize("NFKD", shortened(text, limit=200))
    line = "".join(char if _has_glyph(char) else "?" for char in parts if not unicodedata.combining(char))
    return line if any(map(str.isalnum, line)) else otherwise


def fitted(text: str, font: Font, *, width: int) -> str:
    """The longest beginning of `text` that takes at most `width` pixels, with an ellipsis where text was cut."""
    if font.getlength(text) <= width:
        return text
    cuts = (text[:length].rstrip() + "…" for length in range(len(text) - 1, 0, -1))
    return next((cut for cut in cuts if font.getlength(cut) <= width), "")


def _legend(entries: Sequence[tuple[Color | None, str]], *, width: int, size: int) -> Image.Image:
    """Swatches and names in as many equal columns as fit, read downwards; `size` is that of the letters in pixels."""
    font, margin, line = load_font(size), size // 2, size * 3 // 2
    indent = size + margin
    longest = max(math.ceil(font.getlength(name)) for _, name in entries)
    columns = min(max((width - margin) // (indent + min(longest, 14 * size) + margin), 1), len(entries))
    column = (width - margin) // columns
    rows = math.ceil(len(entries) / columns)
    sheet = Image.new("RGB", (width, rows * line + 2 * margin), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (color, name) in enumerate(entries):
        left, middle = margin + place // rows * column, margin + place % rows * line + line // 2
        if color is not None:
            top = middle - size // 2
            draw.rectangle((left, top, left + size - 1, top + size - 1), fill=color, outline=_INK)
        text = fitted(name, font, width=column - indent - margin)
        draw.text((left + indent, middle), text, fill=_INK, font=font, anchor="lm")
    return sheet


def _stacked(upper: Image.Image, lower: Image.Image) -> UInt8[np.ndarray, "_ _ 3"]:
    sheet = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), _PAPER)
    sheet.paste(upper, (0, 0))
    sheet.paste(lower, (0, upper.height))
    return np.array(sheet)


def _resized(picture: UInt8[np.ndarray, "_ _ 3"], height: int) -> Image.Image:
    width = max(round(picture.shape[1] * height / picture.shape[0]), 1)
    shrinks = height < picture.shape[0]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.NEAREST
    return Image.fromarray(picture).resize((width, height), method)


def _check_same_size(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if first != second:
        raise ValueError(f"sizes differ: {first} and {second}")


@lru_cache(maxsize=4096)
def _has_glyph(char: str) -> bool:
    return char == " " or _drawn(char) != _drawn("\N{REPLACEMENT CHARACTER}")


def _drawn(char: str) -> bytes:
    image = Image.new("L", (32, 32))
    ImageDraw.Draw(image).text((4, 4), char, fill=255, font=load_font(16))
    return image.tobytes()
