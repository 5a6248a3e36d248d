"""Pictures without labels, which a teacher labels while a run trains."""

import numpy as np
from jaxtyping import Integer

from atrous.data.dataset import DataSet
from atrous.data.formats.image_names import image_files
from atrous.data.formats.tiff import upright_picture_size
from atrous.data.formats.value_range import parse_ranges
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import Schema, mask_dtype
from atrous.errors import InputError


def unlabelled_pictures(source: str, *, data: DataSet, channels: int) -> PairedFiles:
    """Open the pictures without labels of a run, as a data set whose labels say where its pictures have pixels.

    Of these labels, 0 stands for a pixel of the picture, and the ignore value for a pixel without data, or beyond it.

    Args:
        source: Folder, whose folders are not looked into, or pattern.
        data: Labelled data of the run, whose pictures of more than 8 bits say how these are read.
        channels: Channels that the network takes.

    Raises:
        InputError: If there are no pictures, or the first is unreadable or has other channels.
    """
    paths = image_files([source])
    ranges = data.describe().get("picture_range")
    schema = Schema(data.labels, ranges=parse_ranges(ranges) if ranges else ())
    pairs = tuple(Pair(str(path), path, path) for path in paths)
    pictures = PairedFiles(source, "unlabelled", "all pictures", "not stated", schema, pairs, read=_zeros)
    first = pictures[0].image.shape[2]
    if first != channels:
        raise InputError(f"{paths[0]} has {first} channels, the model takes {channels}; --unlabelled needs the same")
    return pictures


def _zeros(pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
    return np.zeros(upright_picture_size(pair.image), mask_dtype(schema.labels))
