"""Inference at several scales and flipped: the mean of the probabilities (DeepLabv3, section 4.1, "MS" and "Flip").

    probability(pixel) = mean over scales and flips of softmax(logits, interpolated at the pixel)

The coarse logits of each scaled and flipped image are interpolated only once, directly at the pixels of the original:
the coordinate of a pixel is mapped to the scaled image, from there to the coarse logits (which span the padding, too),
and both steps follow the model's corner convention. At full size, only bands of rows are built.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import torch.nn.functional as F
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from atrous.model.deeplab import DeepLab, Images
from atrous.ops.bilinear import Neighbours, neighbours, pixel_coordinates, source_coordinates
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.augmented_logits import AugmentedLogits, mean_bands, mean_probabilities
from atrous.sizes import Size


def scaled_size(size: Size, scale: float) -> Size:
    """(height, width) of an image at a scale: int((n - 1) * scale + 1) per side, as in the official evaluation.

    With aligned corners and odd sizes, the distances between pixels scale exactly. The same sizes are used where
    edges are aligned. Coordinates are computed from the rounded sizes, so rounding shifts no pixel.
    """
    height, width = (int((length - 1) * scale + 1) for length in size)
    return height, width


def rescaled(
    images: Images, scale: float, *, align_corners: bool
) -> UInt8[Tensor, "b c hs ws"] | Float[Tensor, "b c hs ws"]:
    """Resize images bilinearly to floats 0..255, which are not rounded; at scale 1 return the images themselves."""
    if scale == 1:
        return images
    size = scaled_size((images.shape[-2], images.shape[-1]), scale)
    exact = images if images.is_floating_point() else images.float()
    return F.interpolate(exact, size=size, mode="bilinear", align_corners=align_corners)


def augmented_logits(model: DeepLab, images: Images, *, scales: Sequence[float], flip: bool) -> list[AugmentedLogits]:
    """Return coarse logits of the images at every scale, and flipped.

    Args:
        model: A model in eval mode.
        images: Pixel values 0..255, on the model's device.
        scales: One or more positive factors.
        flip: If true, every scale is also computed for the images flipped left to right.
    """
    settings = product(scales, (False, True) if flip else (False,))
    return [_logits_at_scale(model, images, scale=scale, flipped=flipped) for scale, flipped in settings]


def probability_bands(
    model: DeepLab, images: Images, *, scales: Sequence[float], flip: bool
) -> Iterator[tuple[slice, Float[Tensor, "b k n w"]]]:
    """Yield mean probabilities, some rows at a time; arguments as for `augmented_logits`.

    Yields:
        Pairs of (rows of the image, probability of every class at their pixels).
    """
    all_logits = augmented_logits(model, images, scales=scales, flip=flip)
    for band in mean_bands(all_logits):
        yield band, mean_probabilities(all_logits, band)


def _logits_at_scale(model: DeepLab, images: Images, *, scale: float, flipped: bool) -> AugmentedLogits:
    """Return coarse logits of the images at a scale, as they are or flipped left to right."""
    scaled = rescaled(images, scale, align_corners=model.config.conventions.align_corners)
    logits = model(scaled.flip(-1) if flipped else scaled)
    logits = logits.to(interpolation_dtype(logits.dtype))  # float16 is too coarse for weights
    placement = model.placement((scaled.shape[-2], scaled.shape[-1]))
    size, align_corners = placement.size, placement.align_corners

    def image_neighbours(coordinates: Float64[Tensor, " n"], axis: int) -> Neighbours:
        length, source = scaled.shape[axis], logits.shape[axis]
        in_scaled = source_coordinates(coordinates, length=len(coordinates), source=length, align_corners=align_corners)
        in_coarse = source_coordinates(in_scaled, length=size[axis], source=source, align_corners=align_corners)
        return neighbours(in_coarse, source=source, like=logits)

    rows, columns = pixel_coordinates(images.shape[-2]), pixel_coordinates(images.shape[-1])
    return AugmentedLogits(
        logits, rows=image_neighbours(rows, -2), columns=image_neighbours(columns.flip(0) if flipped else columns, -1)
    )
