"""Images in every form that a predictor takes, as uint8 arrays `[h, w, c]`, and their pixels without data."""

import tempfile
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from atrous.data.formats.deep_pictures import missing_pixels
from atrous.data.formats.images import rgb_array
from atrous.data.formats.value_range import Ranges
from atrous.data.formats.windows import read_whole
from atrous.errors import InputError
from atrous.inference.image_url import download_image


@runtime_checkable
class BinaryFile(Protocol):
    """An open file that gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes; all of them where it is negative."""
        ...


ImageInput = str | Path | bytes | BinaryFile | Image.Image | np.ndarray | Tensor
"""A path, an http(s) address, the bytes of an image file, a binary file object, a PIL image, an array or a tensor."""

TAKEN = (
    "a path, an http(s) address, bytes, a binary file object, a PIL image, a uint8 array [h, w, c], [h, w], "
    "a uint8 tensor [c, h, w], [b, c, h, w], or a list of these"
)


def holds_several(images: object) -> bool:
    """Return True for inputs that hold several images: lists, tuples and tensors `[b, c, h, w]`."""
    return isinstance(images, list | tuple) or (isinstance(images, Tensor) and images.ndim == 4)


def image_array(
    image: object, *, channels: int, ranges: Ranges = ()
) -> tuple[UInt8[np.ndarray, "h w c"], Bool[np.ndarray, "h w"] | None]:
    """Convert one image to an array, and find its pixels without data (NaN, or GDAL's mark in a TIFF).

    Grey images become RGB for a model that takes three channels, and transparent pixels are composited on white.

    Args:
        image: An `ImageInput` that holds one image.
        channels: Number of channels that the model takes.
        ranges: Numbers that are black and white in image files of more than 8 bits per band.

    Returns:
        The array, and True at its pixels without data; None where all have data, as in images that are no files.

    Raises:
        InputError: If the image is of another type, cannot be read, or has other channels.
    """
    match image:
        case np.ndarray():
            return _checked(image, channels=channels), None
        case Tensor():
            return _checked(_from_tensor(image, channels=channels), channels=channels), None
        case Image.Image():
            return _checked(rgb_array(image), channels=channels), None
        case str() if "://" in image:
            array, missing = _decoded(download_image(image), name=image, ranges=ranges)
        case str() | Path():
            array, missing = _read(Path(image), ranges=ranges)
        case bytes() | bytearray():
            array, missing = _decoded(bytes(image), name="the image in memory", ranges=ranges)
        case BinaryFile():
            name = str(getattr(image, "name", "the file object"))
            array, missing = _decoded(_content(image, name=name), name=name, ranges=ranges)
        case _:
            raise InputError(f"an image of type {type(image).__name__}; give {TAKEN}")
    return _checked(array, channels=channels), missing


def _checked(array: np.ndarray, *, channels: int) -> UInt8[np.ndarray, "h w c"]:
    """Return a uint8 array `[h, w, channels]`, or raise InputError."""
    if array.dtype == np.uint8 and array.size:
        if array.ndim == 2:
            array = array[..., None]
        if array.ndim == 3 and channels == 3 and array.shape[2] == 1:
            return np.repeat(array, 3, axis=2)
        if array.ndim == 3 and channels == 3 and array.shape[2] == 4:
            return rgb_array(Image.fromarray(np.ascontiguousarray(array)))
        if array.ndim == 3 and array.shape[2] == channels:
            return array
    remedy = ""
    if array.dtype != np.uint8:
        remedy = "; scale the values to 0..255 and convert them to uint8"
    elif array.ndim == 3 and array.shape[0] == channels:
        remedy = "; move the channels to the last axis"
    raise InputError(
        f"an image of {array.dtype} {list(array.shape)}; the model takes uint8 [height, width, {channels}]{remedy}"
    )


def _from_tensor(tensor: Tensor, *, channels: int) -> np.ndarray:
    if tensor.dtype != torch.uint8 or tensor.ndim not in (2, 3) or not tensor.numel():
        remedy = "" if tensor.dtype == torch.uint8 else "; scale the values to 0..255 and convert them to uint8"
        kind = str(tensor.dtype).removeprefix("torch.")
        raise InputError(
            f"a tensor of {kind} {list(tensor.shape)}; the model takes uint8 [{channels}, height, width]{remedy}"
        )
    array: np.ndarray = tensor.detach().cpu().numpy()
    if tensor.ndim == 2:
        return array
    if tensor.shape[0] not in (1, channels) and not (tensor.shape[0] == 4 and channels == 3):
        hint = "; move the channels to the first axis" if tensor.shape[-1] == channels else ""
        raise InputError(f"a tensor of {list(tensor.shape)}; the model takes uint8 [{channels}, height, width]{hint}")
    return array.transpose(1, 2, 0)


def _content(file: BinaryFile, *, name: str) -> bytes:
    content = cast(object, file.read())
    if not isinstance(content, bytes):
        raise InputError(f"{name} gives {type(content).__name__} instead of bytes; open it in binary mode ('rb')")
    return content


def _read(path: Path, *, ranges: Ranges) -> tuple[UInt8[np.ndarray, "h w c"], Bool[np.ndarray, "h w"] | None]:
    return read_whole(path, ranges=ranges), missing_pixels(path)


def _decoded(
    content: bytes, *, name: str, ranges: Ranges
) -> tuple[UInt8[np.ndarray, "h w c"], Bool[np.ndarray, "h w"] | None]:
    """Decode the content of an image file; through a file, so that every format is read by its one reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image")
        path.write_bytes(content)
        try:
            return _read(path, ranges=ranges)
        except InputError as error:
            raise InputError(str(error).replace(str(path), name)) from error
