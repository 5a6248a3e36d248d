"""Effective receptive field: how strongly each pixel changes a logit (Luo et al. 2016, arXiv 1701.04128).

Most pixels of the receptive field have little effect. The measure is the gradient at the middle of the map: |d logit /
d pixel|, added over the image's channels and averaged over random images.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.model.deeplab import DeepLab
from atrous.model.norm import norms, set_norm_momentum
from atrous.ops.upsample import Placement
from atrous.sizes import Size

STATISTICS_SIDE = 129
"""Pixels; enough for every batch norm of the backbone to see hundreds of values at output stride 16."""

MAX_SIDE, MAX_MULTIPLY_ADDS = 769, 300_000_000_000
"""Of one measured image: some seconds on one core, and a few GB of memory for the maps that the gradient needs."""


@dataclass(frozen=True)
class EffectiveField:
    """Distribution of the gradient of the middle logit over the image.

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
    """Cut a size (height, width in pixels) down to what is measured in reasonable time and memory.

    `multiply_adds` are those of the whole image. Where something is cut away, the side is of the form 32 k + 1.
    """
    height, width = size
    side = min(math.isqrt(MAX_MULTIPLY_ADDS * height * width // multiply_adds), MAX_SIDE)
    side = max(side - (side - 1) % 32, 1)
    return min(height, side), min(width, side)


def fresh_model(config: ModelConfig, *, seed: int = 0) -> DeepLab:
    """Build a model to measure: weights drawn by a seed, running statistics from random images, no gradients.

    Without such statistics the maps of an untrained network grow from unit to unit, until ReLU6 lets no gradient
    through.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = build(config).eval().requires_grad_(requires_grad=False)
    images = random_images(2, channels=config.in_channels, size=(STATISTICS_SIDE, STATISTICS_SIDE), seed=seed)
    set_norm_momentum(model, 1.0)
    for norm in norms(model):
        norm.train()
    with torch.no_grad():
        model(torch.cat(list(images)))
    return model.eval()


def random_images(count: int, *, channels: int, size: Size, seed: int = 0) -> Iterator[Float[Tensor, "1 c h w"]]:
    """Draw images (height, width in pixels) of independent values, uniform in 0..255."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield torch.rand(1, channels, *size, generator=generator) * 255


def effective_field(model: DeepLab, images: Iterable[Float[Tensor, "1 c h w"]]) -> EffectiveField:
    """Measure the field of the largest logit in the middle of the map.

    Parts that see all of the image (image pooling, other global means) are computed, but their gradient is left out.

    Args:
        model: In eval mode. Takes half the memory where its parameters need no gradient.
        images: One or more of the same size, values 0..255.

    Raises:
        InputError: If the gradient is 0 or not finite.
    """
    heat, center = torch.zeros(()), (0, 0)
    for image in images:
        height, width = image.shape[-2:]
        with _global_gradients_left_out(model, size=(height, width)):
            logits = model(pixels := image.detach().requires_grad_())
        row, column = ((length - 1) // 2 for length in logits.shape[-2:])
        (gradient,) = torch.autograd.grad(logits[0, :, row, column].max(), pixels)
        heat = heat + gradient[0].double().abs().sum(dim=0)
        center = _pixel((row, column), logits.shape[-2:], model.placement((height, width)))
    if not 0 < (whole := float(heat.sum())) < math.inf:
        raise InputError(
            "the middle logit has a gradient of 0, or none that is finite: these weights have no effective receptive "
            "field; measure others, or on a larger image"
        )
    return EffectiveField(heat / whole, center)


@contextmanager
def _global_gradients_left_out(model: DeepLab, *, size: Size) -> Iterator[None]:
    """Stop the gradient at maps of a single position, unless the whole image is one."""
    fitted = model.preprocess.padded_size(size, output_stride=model.output_stride)
    convolutions = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    hooks = [conv.register_forward_hook(_detached) for conv in convolutions if max(fitted) > model.output_stride]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _detached(_: nn.Module, __: object, output: Tensor) -> Tensor:
    return output.detach() if output.shape[-2:] == (1, 1) else output


def _pixel(position: Size, lengths: tuple[int, ...], placement: Placement) -> Size:
    """Return the pixel under a position of a map of these lengths."""
    row, column = (
        i * (whole - 1) // max(n - 1, 1) if placement.align_corners else (2 * i + 1) * whole // (2 * n)
        for i, n, whole in zip(position, lengths, placement.size, strict=True)
    )
    return row, column
