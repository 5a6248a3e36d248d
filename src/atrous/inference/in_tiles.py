"""Images in memory that are too large to be predicted whole: they are predicted in tiles, or refused."""

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from atrous.data.formats.windows import ArrayPixels
from atrous.errors import InputError
from atrous.inference.device import device_memory
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result, map_dtype
from atrous.inference.tiling.tiles import Tiling
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.sizes import Size, size_text

WHOLE_PIXELS = 2**24
"""Largest image that is predicted whole by default: beyond 4096 x 4096, even small networks need gigabytes."""


def predict_in_tiles(predictor: Predictor, image: UInt8[np.ndarray, "h w c"]) -> Result:
    """Predict an image in tiles of the default size.

    Args:
        predictor: A predictor that allows tiles.
        image: As `Predictor.image_array` returns it.

    Raises:
        InputError: If the predictor has scales, flip, padding or an exported file.
    """
    labels = np.empty(image.shape[:2], map_dtype(len(predictor.labels)))
    for region in predictor.regions(ArrayPixels(image), tiling=Tiling()):
        labels[region.rows, region.columns] = region.labels().cpu().numpy()
    return Result(labels, image=image, space=predictor.labels)


def check_whole(predictor: Predictor, size: Size) -> None:
    """Refuse an image that cannot be predicted whole because a single layer needs more memory than the device has.

    Nothing is computed. An exported file shows no layers, so that none of its images is refused.

    Args:
        predictor: Model and settings.
        size: (height, width) of the image.

    Raises:
        InputError: With the memory that is needed and that there is.
    """
    if predictor.is_exported:
        return
    factor = max(predictor.scales)
    height, width = (max(1, math.ceil(factor * length)) for length in (predictor.pad or size))
    config = replace(predictor.model.config, output_stride=predictor.output_stride)
    bytes_per_number = predictor.model.classifier.weight.element_size()
    needed = largest_layer(config, (height, width)) * bytes_per_number
    available = device_memory(predictor.device)
    if needed > available:
        ways = " and ".join(
            name
            for name, used in {
                "scales": predictor.scales != (1.0,),
                "flip": predictor.flip,
                "padding": predictor.pad is not None,
            }.items()
            if used
        )
        remedy = f"leave out {ways}, and it is predicted in tiles" if ways else "predict it in tiles"
        raise InputError(
            f"an image of {size_text(size)} (height x width) takes more than {needed / 2**30:.0f} GiB to be predicted "
            f"whole, and {predictor.device} has {available / 2**30:.0f}; {remedy}, or cut it"
        )


def largest_layer(config: ModelConfig, size: Size) -> int:
    """Numbers that the convolution with the largest maps reads and writes, for one image of a size.

    The forward pass is done without data, on torch's device `meta`.
    """
    largest = 0

    def look(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal largest
        largest = max(largest, inputs[0].numel() + output.numel())

    with torch.device("meta"), torch.no_grad():
        model = build(config).eval()
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(look)
        model(torch.empty(1, config.in_channels, *size, dtype=torch.uint8))
    return largest
