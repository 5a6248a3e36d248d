"""The label map of coarse logits, exactly, without logits at full size.

    value(class, pixel) = sum over the four neighbours of weight * logit; a neighbour of weight 0 has no say
    label(pixel) = the class of the largest value; the lowest of equal ones; NaN is larger than anything

The last line is what `torch.argmax` does, so infinities need no rule of their own: they make infinite values, or NaN
where both signs meet. Positions are computed in double precision; values in single precision, double for double logits:
to within 2^-21 of the largest neighbour. Where the two best lie closer than that allows, either may win; nowhere else.
"""

import logging
from functools import cache
from types import ModuleType

import torch
from jaxtyping import Float, Int16, UInt8
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.upsample import Placement, upsample_bands
from atrous.sizes import Size

Labels = UInt8[Tensor, "b H W"] | Int16[Tensor, "b H W"]

_log = logging.getLogger(__name__)


def upsample_argmax(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> Labels:
    """The class of the largest upsampled logit at every pixel: uint8 up to 255 classes, else int16.

    Compiled on a CPU and on CUDA; elsewhere, or where that fails (said once in the log), by torch in bands of rows.

    Args:
        logits: Coarse logits of any floating type and memory layout.
        size: (height, width) in pixels that the coarse map spans, larger or smaller.
        align_corners: Whether corner pixels' centres (True) or edges (False) coincide.
        crop: (height, width) of the labels, top left in `size`; None is all of it.

    Raises:
        InputError: If map or crop is empty, the crop exceeds the size, or int16 cannot hold the classes.
    """
    placement = Placement(size, align_corners, crop or size)
    _check(logits, placement)
    labels = logits.new_empty((len(logits), *placement.crop), dtype=label_dtype(logits.shape[1]))
    if len(labels):
        module = backend_for(logits.device.type)
        label_map = module.label_map if module else _label_map
        label_map(logits.detach(), labels, placement)
    return labels


def label_dtype(classes: int) -> torch.dtype:
    """The type of label maps: uint8 as long as it has room for an ignore value besides the classes, else int16."""
    return torch.uint8 if classes <= 255 else torch.int16


def exact_dtype(dtype: torch.dtype) -> torch.dtype:
    """What logits are interpolated in: single precision unless they are double."""
    return torch.promote_types(dtype, torch.float32)


def _check(logits: Tensor, placement: Placement) -> None:
    classes, *coarse = logits.shape[1:]
    size, crop = placement.size, placement.crop
    if not 1 <= classes <= torch.iinfo(torch.int16).max:
        raise InputError(f"{classes} classes; a label map takes 1 to {torch.iinfo(torch.int16).max}")
    if min(*coarse, *crop) < 1:
        raise InputError(f"logits {list(coarse)} upsampled to {list(crop)}: give at least one pixel per side")
    if crop[0] > size[0] or crop[1] > size[1]:
        raise InputError(f"crop {list(crop)} is larger than size {list(size)}; give one that fits")


@cache
def backend_for(device: str) -> ModuleType | None:
    """The module that labels maps on a kind of device in backend_for code, if there is one that works here."""
    try:
        if device == "cpu":
            import atrous.ops.label_map.cpu as module
        elif device == "cuda":
            import atrous.ops.label_map.upsample_argmax_triton as module
        else:
            return None
        label = torch.empty(1, 1, 1, dtype=torch.uint8, device=device)
        module.label_map(torch.zeros(1, 1, 1, 1, device=device), label, Placement((1, 1), True, (1, 1)))
    except Exception as problem:  # compilers are absent, or refuse a processor or a version, in any way they like
        _log.warning("label maps take several times longer without backend_for code: %s", problem)
        return None
    return module


def _label_map(logits: Tensor, labels: Tensor, placement: Placement) -> None:
    for rows, band in upsample_bands(logits.to(exact_dtype(logits.dtype)), **placement._asdict()):
        labels[:, rows] = band.argmax(dim=1).to(labels.dtype)
