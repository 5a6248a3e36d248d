"""Reading pictures and masks of any mode."""

import errno
import importlib
import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageCms, ImageFile, ImageOps

from atrous.data.formats.decoding import ALTERED, check_size, decoding
from atrous.data.formats.raw_values import number_type, raw_mask, tiff_tags
from atrous.data.formats.truncated import completed
from atrous.errors import InputError
from atrous.extras import installed
from atrous.sizes import Size

IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm",
     ".ppm", ".tif", ".tiff", ".webp"}
)  # fmt: skip
"""Lower-case suffixes that count as pictures where a folder or a pattern is searched."""

_ORIENTATION = 274
"""EXIF's tag; values above 4 swap width and height."""

MAX_PIXELS = 2**28
"""Largest picture that is decoded unless the caller says otherwise: 16384 x 16384, 800 MB of RGB."""

DECLARE = (
    "say which are black and white, [picture] range = [low, high] in schema.toml or predict --picture-range low high, "
    "or save it with 8 or 16 bits (uint8, uint16)"
)
"""The remedy for numbers that have no range of their own."""

# Only formats that Pillow decodes by itself: its EPS reader, for one, would start Ghostscript.
_WANTED = ("PNG", "JPEG", "JPEG2000", "TIFF", "BMP", "DIB", "GIF", "WEBP", "PPM", "AVIF", "HEIF")
Image.init()
if installed("pillow_heif"):  # extra heic
    importlib.import_module("pillow_heif").register_heif_opener()
_FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
_UNKNOWN = f"is not a picture of a known format ({', '.join(_FORMATS)}); replace or convert it"
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of greys of more than 8 bits."""
# Pillow stretches these greys to 0..255; in a mask they were class ids.
_SLICES = (
    "python -c \"import nibabel as n; from PIL import Image as I; v = n.load('FILE.nii').get_fdata(); v -= v.min(); "
    "[I.fromarray(v[:, :, k].astype('uint16')).save(f'slice{k:03}.png') for k in range(v.shape[2])]\""
)
"""Slices as 16-bit PNG, the smallest value as 0."""
_BAND = 2**24  # pixels that are converted at a time
_STRETCH = {"L;2": 85, "L;4": 17}
_pillow_limit = threading.Lock()
_MOST_CHUNKS = 2**16
"""Chunks of a PNG that are looked at; Pillow writes one for 64 KiB."""

if sys.platform != "win32":  # a process forked while another thread holds the lock would wait for ever
    os.register_at_fork(
        before=_pillow_limit.acquire, after_in_parent=_pillow_limit.release, after_in_child=_pillow_limit.release
    )


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """Read any picture as 8-bit RGB, the way a viewer shows it.

    EXIF orientation is applied. Transparent pixels are composited on white. 16-bit grey is divided by 257, so that
    65535 becomes 255. Of an animation or a stack the first picture is read.

    Args:
        path: The file.
        max_pixels: Refuse pictures of more pixels before decoding them.

    Raises:
        InputError: If the file is missing, not a picture, damaged, too large, or holds floating-point values.
    """
    with opened(path, max_pixels=max_pixels) as picture:
        return rgb_array(picture, name=str(path))


def image_size(path: Path) -> Size:
    """(height, width) of a picture as it is in the file, without decoding it; raises InputError as `read_image`."""
    with opened(path, max_pixels=sys.maxsize) as picture:
        return picture.height, picture.width


def orientation(path: Path) -> int:
    """EXIF orientation of a picture, 1 to 8; 1 (upright) where none is stated. Raises InputError as `read_image`."""
    with opened(path, max_pixels=sys.maxsize) as picture:
        value = _exif(picture).get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright_size(path: Path) -> Size:
    """(height, width) of a picture with its EXIF orientation applied, without decoding it; raises as `read_image`."""
    with opened(path, max_pixels=sys.maxsize) as picture:
        turned = picture.format != "TIFF" and _exif(picture).get(_ORIENTATION, 1) in (5, 6, 7, 8)
        return (picture.width, picture.height) if turned else (picture.height, picture.width)  # TIFF's is upright


def _exif(picture: Image.Image) -> Image.Exif:
    """EXIF of a picture that has just been opened; a PNG is decoded only where texts follow its pixels.

    Pillow decodes any PNG whose header has no EXIF, whatever size it states. One that is too large is refused anyway.
    """
    if picture.format != "PNG" or (picture.width * picture.height <= MAX_PIXELS and _has_late_texts(picture)):
        return picture.getexif()
    return Image.Image.getexif(picture)


def _has_late_texts(picture: Image.Image) -> bool:
    """Return True if chunks of EXIF or text follow the pixels of a PNG, or if it has more chunks than are looked at."""
    file = getattr(picture, "fp", None)
    if file is None:
        return True
    before, pixels = file.tell(), False
    try:
        file.seek(8)
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                return False
            if pixels and head[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            pixels |= head[4:] == b"IDAT"
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    finally:
        file.seek(before)
    return True


def rgb_array(picture: Image.Image, *, name: str = "the picture") -> UInt8[np.ndarray, "h w 3"]:
    """A picture of any mode as 8-bit RGB, by the rules of `read_image`.

    Args:
        picture: An image of Pillow's.
        name: Its name in error messages.

    Raises:
        InputError: If it holds floating-point values, or integers outside 0..65535.
    """
    turned = _upright(picture)
    width, height = turned.size
    if width * height <= _BAND:
        return np.array(_to_rgb(turned, name=name))
    found, step = np.empty((height, width, 3), np.uint8), max(_BAND // width, 1)
    for top in range(0, height, step):  # RGB in Pillow takes four bytes a pixel: not of the whole picture at once
        bottom = min(top + step, height)
        found[top:bottom] = np.asarray(_to_rgb(turned.crop((0, top, width, bottom)), name=name))
    return found


def decoded(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A picture as Pillow holds it, upright; `rgb_array` of any part of it is that part of what `read_image` gives.

    It takes one byte per pixel of a grey or of a palette, two of 16 bits and four of colours.

    Args:
        path: The file.
        max_pixels: Refuse pictures of more pixels before decoding them.

    Raises:
        InputError: If the file is missing, not a picture, damaged or too large.
    """
    with opened(path, max_pixels=max_pixels) as picture:
        picture.load()
        return _upright(picture)


def _upright(picture: Image.Image) -> Image.Image:
    """A picture turned as EXIF says; the same one where it is upright, since a copy can be huge."""
    turned = picture.getexif().get(_ORIENTATION, 1) in (2, 3, 4, 5, 6, 7, 8)
    return ImageOps.exif_transpose(picture) if turned else picture


def read_labels(path: Path, *, max_pixels: int = MAX_PIXELS) -> Integer[np.ndarray, "h w"]:
    """Read a mask whose pixel values are numbers: grey of 1 to 16 bits, palette indices, or RGB with R = G = B.

    The colours of a palette are not looked at. An EXIF orientation is applied where the mask itself has one.

    Args:
        path: The file.
        max_pixels: Refuse masks of more pixels before decoding them.

    Returns:
        uint8, or uint16 for deeper masks; values as they lie in the file.

    Raises:
        InputError: If the file is missing, not a picture, damaged, too large, or holds colours instead of numbers.
    """
    values = read_mask(path, max_pixels=max_pixels)
    if values.ndim == 2:
        return values
    if (values != values[..., :1]).any():
        found = len(np.unique(values.reshape(-1, 3), axis=0))
        raise InputError(
            f"{path} is a colour picture ({found} colours), not class ids; save masks as 8-bit grey or palette PNG "
            "whose pixel values are the class ids, or list the colors of the classes in schema.toml"
        )
    return np.ascontiguousarray(values[..., 0])


def read_mask(path: Path, *, max_pixels: int = MAX_PIXELS) -> Integer[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]:
    """Read a mask without interpreting it: numbers as `read_labels`, or the RGB colours of a file of three planes.

    Raises:
        InputError: As `read_labels`, but colours are welcome.
    """
    return read_mask_and_alpha(path, max_pixels=max_pixels)[0]


def read_mask_and_alpha(
    path: Path, *, max_pixels: int = MAX_PIXELS
) -> tuple[Integer[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"], bool]:
    """Read as `read_mask`; True beside it if the file has a channel of transparency, too, which is opaque all over."""
    check_file(path)
    if (numbers := raw_mask(path, max_pixels=max_pixels)) is not None:
        return numbers, False
    with opened(path, max_pixels=max_pixels) as picture:
        if (frames := getattr(picture, "n_frames", 1)) > 1 and picture.format not in ("TIFF", "MPO"):
            raise InputError(f"{path} has {frames} frames; a mask has one, save it as PNG")  # TIFF's may be overviews
        if name := _lossy_codec(path, picture):
            raise InputError(f"{path} is a {name}, whose compression {ALTERED}; save masks as PNG")
        stretch = _STRETCH.get(_raw_mode(picture), 1)
        values = np.array(ImageOps.exif_transpose(picture))
        if values.ndim == 3 and picture.mode not in ("RGB", "RGBA", "LA", "PA"):
            raise InputError(f"{path} is a picture of mode {picture.mode}, not class ids; save masks as 8-bit grey PNG")
    if values.ndim == 3:
        return _opaque(values, path=path), values.shape[2] in (2, 4)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise InputError(f"{path} holds values outside the integers 0..65535; save class ids as 8- or 16-bit PNG")
    return values.astype(np.uint16) if values.dtype.itemsize > 1 else values.astype(np.uint8) // stretch, False


def read_palette(path: Path) -> UInt8[np.ndarray, "n 3"] | None:
    """The RGB colours of a picture in palette mode; None for other pictures. Raises InputError as `read_image`.

    A TIFF that Pillow cannot open, such as one of 64 bits, has none; `read_mask` reads it in another way.
    """
    try:
        with opened(path, max_pixels=MAX_PIXELS) as picture:
            colors = picture.getpalette("RGB") if picture.mode == "P" else None
    except InputError:
        if tiff_tags(path):
            return None
        raise
    return None if colors is None else np.array(colors, np.uint8).reshape(-1, 3)


@contextmanager
def opened(path: Path, *, max_pixels: int) -> Iterator[Image.Image]:
    """The decoded picture; whatever goes wrong inside becomes one line about this file."""
    with decoding(path), ExitStack() as stack:
        check_file(path)
        # Not by its name: Pillow 13 maps named files, and then mixes up the rows of a TIFF on its side.
        file = completed(path, stack.enter_context(path.open("rb")))
        # Pillow's own limit warns before it refuses, and is global; ours refuses at once, and is the caller's.
        with _pillow_limit:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                picture = stack.enter_context(Image.open(file, formats=_FORMATS))
            except Image.UnidentifiedImageError as error:
                raise InputError(f"{path} {_foreign_remedy(path) or _UNKNOWN}") from error
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        check_size(path, picture.width, picture.height, max_pixels=max_pixels)
        yield picture


def check_file(path: Path) -> None:
    """Refuse what is no file with content: opening a pipe would wait for ever."""
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise InputError(f"{path} is a link that leads nowhere; repair or remove it") from None
        raise InputError(f"no such file: {path}") from None
    except OSError as error:  # no access, a name too long, links in a circle
        if error.errno == errno.ELOOP:
            raise InputError(f"{path} is a link that leads nowhere, in a circle; repair or remove it") from error
        line = f"cannot read {str(path)[:500]}: {error.strerror or error}; check the name and the access rights"
        raise InputError(line) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder, not a picture")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is a pipe, socket or device, not a file; remove it")
    if not status.st_size:
        raise InputError(f"{path} is empty (0 bytes), not a picture of a known format; replace it")


def _lossy_codec(path: Path, picture: Image.Image) -> str:
    """The name of a compression that changes pixel values; empty where it keeps them."""
    match picture.format:
        case "JPEG" | "MPO":
            return "JPEG"
        case "AVIF" | "HEIF" as name:
            return f"{name} picture"
        case "WEBP":
            with path.open("rb") as file:
                return "" if b"VP8L" in file.read(64) else "lossy WebP picture"
        case "JPEG2000":
            with path.open("rb") as file:
                marker = file.read(2**16).partition(b"\xff\x52")[
                    2
                ]  # COD: its twelfth byte names the wavelet, 0 with loss
            return "lossy JPEG 2000 picture" if marker[11:12] == b"\0" else ""
        case _:
            return ""


def _foreign_remedy(path: Path) -> str:
    """The nature of a file of another field and the way to convert it; empty where it is unknown."""
    with path.open("rb") as file:
        head = file.read(352)
    if head[128:132] == b"DICM":
        return "is a DICOM file; convert it with 'dcmj2pnm +on2 FILE.dcm FILE.png' (DCMTK), or with pydicom and Pillow"
    if path.name.lower().endswith((".nii", ".nii.gz")) or head[344:348] in (b"n+1\0", b"ni1\0"):
        return f"is a NIfTI volume; save its slices as PNG (pip install nibabel): {_SLICES}"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "is a HEIC picture; install what reads it by 'pip install atrous[heic]', or convert it to JPEG"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the picture; fetch the pictures: git lfs pull"
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page, not the picture, such as a page to log in; download it again"
    if start.startswith(b"%pdf") or b"<svg" in start:
        return "is a drawing (PDF or SVG), not a picture of pixels; export it as PNG"
    tags = tiff_tags(path)
    return f"is a TIFF of {number_type(tags)}; {DECLARE}" if tags else ""


def _to_rgb(picture: Image.Image, *, name: str) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode == "F":
        raise InputError(f"{name} holds floating-point numbers; {DECLARE}")
    if picture.mode in DEEP_MODES:
        values = np.array(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError(f"{name} holds numbers outside 0..65535; {DECLARE}")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB") or picture
    if picture.has_transparency_data:
        opaque = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert("RGB")
    return picture.convert("RGB")


def _raw_mode(picture: Image.Image) -> str:
    """Layout of the pixels in the file; empty where the format does not state it."""
    if not isinstance(picture, ImageFile.ImageFile) or not picture.tile:
        return ""
    arguments = picture.tile[0][3]
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _opaque(values: UInt8[np.ndarray, "h w c"], *, path: Path) -> UInt8[np.ndarray, "h w ..."]:
    """The planes without alpha: numbers where one is left, else RGB."""
    channels = values.shape[2]
    if channels in (2, 4) and values[..., -1].min() < 255:
        share = np.count_nonzero(values[..., -1] < 255) / values[..., -1].size
        raise InputError(
            f"{path} has transparent pixels ({share:.1%}), whose class is unclear; save masks without alpha, "
            "if they are background by ImageMagick: mogrify -background black -alpha remove -alpha off *.png"
        )
    return np.ascontiguousarray(values[..., 0] if channels == 2 else values[..., :3])
