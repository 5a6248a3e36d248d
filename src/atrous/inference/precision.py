"""Number types of a network's computation, and the choice of one by a comparison with float32."""

import copy
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import UInt8
from torch import Tensor

from atrous.errors import InputError
from atrous.inference.engines.fused import fused
from atrous.model.deeplab import DeepLab
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.sizes import Size

Precision = Literal["auto", "float32", "float16", "bfloat16"]
"""`auto` chooses one of the others by a comparison with float32 on generated images."""

MAX_DISAGREEMENT = 0.005
"""Largest share of pixels whose label may differ from that of float32, for a number type that is chosen."""

CANDIDATES = {"cuda": ("float16", "bfloat16")}
"""Number types that `auto` tries, by kind of device, in this order. The CPU has a fused network in float32 only."""

_SIZE = (257, 321)
_IMAGES = 4


class PrecisionChoice(NamedTuple):
    """A number type and the reason for it.

    Attributes:
        precision: `float32`, `float16` or `bfloat16`.
        reason: The comparison in words; empty for a number type that was asked for.
    """

    precision: str
    reason: str = ""

    @property
    def dtype(self) -> torch.dtype:
        """The number type as torch names it."""
        return getattr(torch, self.precision)


def check_precision(precision: str) -> None:
    """Raise InputError for anything but a `Precision`."""
    if precision not in get_args(Precision):
        raise InputError(f"precision {precision!r:.40} is none of {', '.join(get_args(Precision))}")


def in_precision(model: DeepLab, dtype: torch.dtype) -> DeepLab:
    """Copy a model for inference in a number type; batch norms are fused into convolutions before weights are rounded.

    Args:
        model: A model in eval mode, which is left unchanged.
        dtype: Number type of the weights and of the computation.
    """
    return copy.deepcopy(fused(model)).to(dtype)


def choose_precision(model: DeepLab, *, candidates: Sequence[str] | None = None) -> PrecisionChoice:
    """Choose the first half-precision type whose labels agree with those of float32 on generated images.

    The images are always the same, so the choice depends on the model and its device alone.

    Args:
        model: A model in eval mode and float32, on the device that is to compute.
        candidates: Number types in the order in which they are tried; by default those of the device.
    """
    device = model.classifier.weight.device
    names = CANDIDATES.get(device.type, ()) if candidates is None else candidates
    images = generated_images(model.config.in_channels).to(device)
    with torch.inference_mode():
        expected = _labels(model, images)[0]
        refusals = list[str]()
        for name in names:
            labels, finite = _labels(in_precision(model, getattr(torch, name)), images)
            disagreement = float((labels != expected).float().mean())
            if finite and disagreement <= MAX_DISAGREEMENT:
                return PrecisionChoice(name, f"{disagreement:.3%} of labels differ from float32 on generated images")
            refusals.append(f"{name}: {'overflow' if not finite else f'{disagreement:.3%} of labels differ'}")
    return PrecisionChoice("float32", "; ".join(refusals) or f"no other number type is tried on {device.type}")


def generated_images(channels: int, *, size: Size = _SIZE, number: int = _IMAGES) -> UInt8[Tensor, "n c h w"]:
    """Images of rectangles of random size and colour with noise, always the same for equal arguments."""
    generator = torch.Generator().manual_seed(0)
    images = torch.empty(number, channels, *size, dtype=torch.uint8)
    for image in images:
        image[:] = torch.randint(256, (channels, 1, 1), generator=generator)
        for _ in range(24):
            top, left = (int(torch.randint(length, (), generator=generator)) for length in size)
            rows, columns = (int(torch.randint(8, 160, (), generator=generator)) for _ in _SIZE)
            color = torch.randint(256, (channels, 1, 1), generator=generator)
            image[:, top : top + rows, left : left + columns] = color
        noise = torch.randn(image.shape, generator=generator) * 12
        image[:] = (image + noise).clamp(0, 255).to(torch.uint8)
    return images


def _labels(model: DeepLab, images: UInt8[Tensor, "n c h w"]) -> tuple[Tensor, bool]:
    """Labels of the images, one by one to save memory, and True if all logits are finite."""
    labels, finite = list[Tensor](), True
    for image in images:
        logits = model(image[None])
        finite &= bool(logits.isfinite().all())
        labels.append(upsample_argmax(logits, model.placement(_SIZE)))
    return torch.cat(labels), finite
