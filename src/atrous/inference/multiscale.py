"""Inference at several scales and mirrored: the mean of the probabilities (DeepLabv3, section 4.1, "MS" and "Flip").

    probability(pixel) = mean over views of softmax(logits of the view, interpolated at the pixel)

A view is the image at one scale, as it is or mirrored. Its coarse logits are interpolated only once, directly at the
pixels of the original: the position of a pixel is mapped to the scaled image, from there to the coarse logits (which
span the padding, too), and both steps follow the model's corner convention. At full size, only bands of rows are built.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import torch.nn.functional as F
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from atrous.model.deeplab import DeepLab, Images
from atrous.ops.bilinear import Neighbours, neighbours, pixels, source_positions
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.views import View, mean_bands, mean_probabilities
from atrous.sizes import Size


def scaled_size(size: Size, scale: float) -> Size:
    """(height, width) of an image at a scale: int((n - 1) * scale + 1) per side, as in the official evaluation.

    With aligned corners and odd sizes, the distances between pixels scale exactly. The same sizes are used where
    edges are aligned. Positions are computed from the rounded sizes, so rounding shifts no pixel.
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


def views(model: DeepLab, images: Images, *, scales: Sequence[float], flip: bool) -> list[View]:
    """Coarse logits of the images at every scale, and mirrored.

    Args:
        model: A model in eval mode.
        images: Pixel values 0..255, on the model's device.
        scales: One or more positive factors.
        flip: If true, every scale is also computed for the images mirrored left to right.
    """
    settings = product(scales, (False, True) if flip else (False,))
    return [_view(model, images, scale=scale, mirrored=mirrored) for scale, mirrored in settings]


def probability_bands(
    model: DeepLab, images: Images, *, scales: Sequence[float], flip: bool
) -> Iterator[tuple[slice, Float[Tensor, "b k n w"]]]:
    """Mean probabilities over all views, some rows at a time; arguments as for `views`.

    Yields:
        Pairs of (rows of the image, probability of every class at their pixels).
    """
    all_views = views(model, images, scales=scales, flip=flip)
    for band in mean_bands(all_views):
        yield band, mean_probabilities(all_views, band)


def _view(model: DeepLab, images: Images, *, scale: float, mirrored: bool) -> View:
    """Coarse logits of the images at a scale, as they are or mirrored left to right."""
    scaled = rescaled(images, scale, align_corners=model.config.conventions.align_corners)
    logits = model(scaled.flip(-1) if mirrored else scaled)
    logits = logits.to(interpolation_dtype(logits.dtype))  # float16 is too coarse for weights
    placement = model.placement((scaled.shape[-2], scaled.shape[-1]))
    size, align_corners = placement.size, placement.align_corners

    def image_neighbours(positions: Float64[Tensor, " n"], axis: int) -> Neighbours:
        length, source = scaled.shape[axis], logits.shape[axis]
        in_scaled = source_positions(positions, length=len(positions), source=length, align_corners=align_corners)
        in_coarse = source_positions(in_scaled, length=size[axis], source=source, align_corners=align_corners)
        return neighbours(in_coarse, source=source, like=logits)

    rows, columns = pixels(images.shape[-2]), pixels(images.shape[-1])
    return View(
        logits, rows=image_neighbours(rows, -2), columns=image_neighbours(columns.flip(0) if mirrored else columns, -1)
    )
