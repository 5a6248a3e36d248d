"""Size of the image that a file of another project states, in the places where the projects write it."""

from collections.abc import Iterator, Mapping
from typing import Any

from atrous.errors import InputError
from atrous.importers.projects.python_config import read_python_config
from atrous.importers.pytorch.state_dict import StateDict
from atrous.sizes import Size

LONGEST_SIDE = 1 << 16
"""Pixels; a larger number is no size of an image."""

_MOST_CHANNELS = 4
"""A last number up to this is that of the channels, if the first is larger."""

_NAMES = ("image_size", "img_size", "input_size", "crop_size")
"""Entries of `config.json` and of Lightning's `hyper_parameters`."""


def stated_size(found: StateDict) -> Size | None:
    """Return (height, width) in pixels of the crops or images that a network was trained on, None if nothing says it.

    MMSegmentation says it in `meta.cfg`, Hugging Face in `preprocessor_config.json`, timm in `pretrained_cfg`, and
    others among the settings. A statement that is no size is passed over, for the network does not depend on it.
    """
    return next((size for value in _statements(found) if (size := _size(value)) is not None), None)


def _statements(found: StateDict) -> Iterator[Any]:
    if found.meta:
        yield from _mmsegmentation(found.meta)
    preprocessor = found.settings.get("preprocessor")
    if isinstance(preprocessor, Mapping):
        if preprocessor.get("do_center_crop", True):
            yield preprocessor.get("crop_size")
        yield preprocessor.get("size")
    pretrained = found.settings.get("pretrained_cfg")
    if isinstance(pretrained, Mapping):
        yield pretrained.get("input_size")
    yield from map(found.settings.get, _NAMES)


def _mmsegmentation(text: str) -> Iterator[Any]:
    """Its crop: the size that `data_preprocessor` pads to, which is new in 1.0, else the variable `crop_size`."""
    try:
        settings = read_python_config(text)
    except InputError:  # the reader of the network says so
        return
    for holder in (settings.get("model"), settings):
        preprocessor = holder.get("data_preprocessor") if isinstance(holder, dict) else None
        if isinstance(preprocessor, dict):
            yield preprocessor.get("size")
    yield settings.get("crop_size")


def _size(value: Any) -> Size | None:
    """A side, (height, width), the same with channels before or after it, or a dict of height and width."""
    match value:
        case int():
            sides = (value, value)
        case [int(height), int(width), int(channels)] if channels <= _MOST_CHANNELS < height:
            sides = (height, width)
        case [height, width] | [_, height, width] | {"height": height, "width": width}:
            sides = (height, width)
        case _:
            return None
    return sides if all(type(side) is int and 0 < side <= LONGEST_SIDE for side in sides) else None
