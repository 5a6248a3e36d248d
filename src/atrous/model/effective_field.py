"""Which pixels move a logit, and how much: the effective receptive field (Luo et al. 2016, arXiv 1701.04128).

Of all that a logit can see, most matters little. The measure is the gradient at the middle of the map: |d logit / d
pixel|, added over the image's channels and averaged over random images.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.model.aspp import ImagePooling
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.model.deeplab import DeepLab
from atrous.model.norm import norms, set_norm_momentum
from atrous.model.stride_plan import Size
from atrous.ops.upsample import Upsampling

DRAWS = 3
"""Random images: with more of them the field has the same shape and less grain."""

SETTLING_SIDE = 129
"""Pixels; enough for every batch norm of the backbone to see hundreds of values at output stride 16."""

LARGEST_SIDE, MOST_MULTIPLY_ADDS = 769, 300_000_000_000
"""Of one measured image: some seconds on one core, and a few GB of memory for the maps that the gradient needs."""


@dataclass(frozen=True)
class EffectiveField:
    """Where the gradient of the middle logit lies.

    Attributes:
        heat: Share of the gradient at each pixel of the image; the sum is 1.
        center: (row, column) of the pixel where upsampling puts the logit.
    """

    heat: Float[Tensor, "h w"]
    center: Size

    def mass(self) -> Float[Tensor, " radii"]:
        """Share (0..1) of the gradient within the squares of side 1, 3, 5, ... pixels around the center."""
        rows, columns = (torch.arange(n) - middle for n, middle in zip(self.heat.shape, self.center, strict=True))
        radii = torch.maximum(rows.abs()[:, None], columns.abs()[None, :])
        return torch.bincount(radii.flatten(), weights=self.heat.flatten()).cumsum(0)

    def side(self, share: float) -> int:
        """Side in pixels of the smallest of these squares that holds this share (0..1) of the gradient."""
        return 2 * int((self.mass() < share).sum()) + 1


def affordable_size(size: Size, *, multiply_adds: int) -> Size:
    """As much of the middle of an image (height, width in pixels) as is measured in reasonable time and memory.

    `multiply_adds` are those of the whole image. Where something is cut away, the side is of the form 32 k + 1.
    """
    height, width = size
    side = min(math.isqrt(MOST_MULTIPLY_ADDS * height * width // multiply_adds), LARGEST_SIDE)
    side = max(side - (side - 1) % 32, 1)
    return min(height, side), min(width, side)


def fresh_model(config: ModelConfig, *, seed: int = 0) -> DeepLab:
    """A model to measure, without gradients for its parameters: weights drawn by a seed, batch norms settled.

    Their running statistics are those of random images. Without them the maps of an untrained network grow from unit to
    unit, until ReLU6 lets no gradient through.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = build(config).eval().requires_grad_(requires_grad=False)
    images = _random_images(2, config.in_channels, (SETTLING_SIDE, SETTLING_SIDE), torch.Generator().manual_seed(seed))
    set_norm_momentum(model, 1.0)
    for norm in norms(model):
        norm.train()
    with torch.no_grad():
        model(images)
    return model.eval()


def effective_field(
    model: DeepLab, *, size: Size, draws: int = DRAWS, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> EffectiveField:
    """Measure the field of the largest logit in the middle of the map.

    Image pooling takes part, but its gradient, which is spread over all of the image, is left out.

    Args:
        model: In eval mode. Takes half the memory where its parameters need no gradient.
        size: (height, width) of the random images in pixels.
        draws: How many of them.
        seed: Of their values, uniform in 0..255.
        progress: Told (images done, images in all), first before there is one.

    Raises:
        InputError: If the gradient is 0 or not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    total, center = torch.zeros(size, dtype=torch.float64), (0, 0)
    with _pooling_without_gradient(model):
        for done in range(draws):
            if progress is not None:
                progress(done, draws)
            images = _random_images(1, model.config.in_channels, size, generator).requires_grad_()
            logits = model(images)
            row, column = ((length - 1) // 2 for length in logits.shape[-2:])
            (gradient,) = torch.autograd.grad(logits[0, :, row, column].max(), images)
            total += gradient[0].abs().sum(dim=0)
            center = _pixel((row, column), logits.shape[-2:], model.upsampling(size))
    if progress is not None:
        progress(draws, draws)
    if not 0 < (norm := float(total.sum())) < math.inf:
        raise InputError("the gradient of the middle logit is 0 or not finite: these weights have no effective field")
    return EffectiveField(total / norm, center)


def _random_images(count: int, channels: int, size: Size, generator: torch.Generator) -> Float[Tensor, "b c h w"]:
    return torch.rand(count, channels, *size, generator=generator).mul_(255)


def _pixel(position: Size, lengths: tuple[int, ...], upsampling: Upsampling) -> Size:
    """The pixel nearest to where a position of a map of these lengths lies over the image."""
    if upsampling.align_corners:
        row, column = (
            i * (whole - 1) // max(n - 1, 1) for i, n, whole in zip(position, lengths, upsampling.size, strict=True)
        )
    else:
        row, column = (
            (2 * i + 1) * whole // (2 * n) for i, n, whole in zip(position, lengths, upsampling.size, strict=True)
        )
    return row, column


@contextmanager
def _pooling_without_gradient(model: nn.Module) -> Iterator[None]:
    hooks = [
        module.register_forward_hook(lambda _, __, pooled: pooled.detach())
        for module in model.modules()
        if isinstance(module, ImagePooling)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
