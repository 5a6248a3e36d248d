"""Letters in pictures: the one font that Pillow carries with it, and text cut to the room there is."""

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from atrous.report.wording import shortened

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def load_font(size: int) -> Font:
    """Pillow's own font at `size` pixels: the same on every machine, with little more than ASCII in it."""
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


@lru_cache(maxsize=4096)
def _has_glyph(char: str) -> bool:
    return char == " " or _drawn(char) != _drawn("\N{REPLACEMENT CHARACTER}")


def _drawn(char: str) -> bytes:
    image = Image.new("L", (32, 32))
    ImageDraw.Draw(image).text((4, 4), char, fill=255, font=load_font(16))
    return image.tobytes()
