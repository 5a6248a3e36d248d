"""Distillation at full resolution: a model's upsampled logits against a teacher's upsampled probabilities.

Cross entropy with the probabilities of another network as targets (Hinton et al., arXiv 1503.02531, at temperature 1),
at those pixels where the largest of them reaches a confidence (as for the pseudo-labels of FixMatch, arXiv 2001.07685).
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.loss.bands import (
    BAND_FLOATS,
    COLUMNS,
    MIN_ROWS,
    interpolation_blocks,
    upsample_columns,
    upsample_columns_transpose,
)
from atrous.ops.loss.known_gradient import with_gradient
from atrous.ops.upsample import Placement


def upsample_distillation(
    logits: Float[Tensor, "b k h w"],
    teacher_logits: Float[Tensor, "b k i j"],
    pixels: Bool[Tensor, "b H W"],
    placement: Placement,
    teacher_placement: Placement,
    *,
    confidence: float = 0.0,
    raised_by: Float[Tensor, " k"] | None = None,
) -> tuple[Float[Tensor, ""], Int64[Tensor, ""]]:
    """Sum of cross entropies in nats over the pixels at which the teacher is confident, and the number of these pixels.

    With upsampled logits z and teacher's logits t, the cross entropy of a pixel is -sum(softmax(t) log(softmax(z))).
    Neither of them ever exists at full size. The gradient is computed along with the sum and cannot be differentiated
    again; the teacher gets none.

    Args:
        logits: Coarse logits; half precision is computed in single.
        teacher_logits: Coarse logits of the teacher, of any size.
        pixels: True at the pixels that may count.
        placement: Placement of the logits over the pixels.
        teacher_placement: Placement of the teacher's logits over the pixels.
        confidence: Least value, 0..1, of the teacher's largest probability at the pixels that count.
        raised_by: Added to the teacher's logits for the targets, but not for its confidence.

    Raises:
        InputError: If the shapes do not fit each other, or the confidence is out of range.
    """
    dtype = interpolation_dtype(logits.dtype)
    _check(logits, teacher_logits, pixels, placement, teacher_placement, confidence=confidence)
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        total, gradient = logits.new_zeros((), dtype=dtype), torch.empty_like(logits, dtype=dtype)
        count = torch.zeros((), dtype=torch.int64, device=logits.device)
        classes, width = logits.shape[1], placement.crop[1]
        blocks = []
        for coarse, where in ((logits, placement), (teacher_logits, teacher_placement)):
            row_neighbours, column_neighbours = where.neighbours(coarse.shape[2:], like=total)
            rows = interpolation_blocks(row_neighbours, fine=max(BAND_FLOATS // (classes * width), MIN_ROWS))
            blocks.append((rows, interpolation_blocks(column_neighbours, fine=COLUMNS)))
        (rows, columns), (teacher_rows, teacher_columns) = blocks
        for i in range(len(logits)):
            wide = upsample_columns(logits[i].to(dtype).transpose(0, 1).contiguous(), columns)
            taught = upsample_columns(teacher_logits[i].to(dtype).transpose(0, 1).contiguous(), teacher_columns)
            wide_gradient = torch.zeros_like(wide)
            for row, teacher_row in zip(rows, teacher_rows, strict=True):
                band = (row.matrix @ wide[row.coarse].flatten(1)).unflatten(1, (classes, width))
                target = (teacher_row.matrix @ taught[teacher_row.coarse].flatten(1)).unflatten(1, (classes, width))
                probabilities = target.softmax(1)
                unsure = probabilities.amax(1) < confidence  # False for NaN: such a teacher makes the loss not finite
                if raised_by is not None:
                    probabilities = (target + raised_by.to(dtype)[:, None]).softmax(1)
                loss, counted = _band_(band, probabilities, pixels[i, row.fine] & ~unsure)
                total += loss
                count += counted
                wide_gradient[row.coarse].flatten(1).addmm_(row.matrix.T, band.flatten(1))
            gradient[i] = upsample_columns_transpose(wide_gradient, columns, width=logits.shape[3]).transpose(0, 1)
    return with_gradient(total, logits, gradient), count


def _band_(
    band: Float[Tensor, "n k W"],
    target: Float[Tensor, "n k W"],
    counted: Bool[Tensor, "n W"],
) -> tuple[Float[Tensor, ""], Int64[Tensor, ""]]:
    """Sum of the losses of a band, whose logits are overwritten by their gradient, and the number of pixels."""
    band -= band.amax(1, keepdim=True)  # no exponential overflows, and the loss stays the same
    products = (target * band).sum(1)
    normaliser = band.exp_().sum(1)
    losses = torch.where(counted, normaliser.log() - products, 0)
    band /= normaliser[:, None]
    band -= target
    band *= counted[:, None]
    return losses.sum(), counted.sum()


def _check(
    logits: Tensor,
    teacher_logits: Tensor,
    pixels: Tensor,
    placement: Placement,
    teacher_placement: Placement,
    *,
    confidence: float,
) -> None:
    if teacher_logits.shape[:2] != logits.shape[:2]:
        raise InputError(
            f"teacher's logits of shape {tuple(teacher_logits.shape)} do not fit logits of {tuple(logits.shape)}; "
            "both need the same images and classes"
        )
    for place in (placement, teacher_placement):
        place.check()
        if pixels.shape != (len(logits), *place.crop):
            raise InputError(
                f"pixels of shape {tuple(pixels.shape)} do not fit; it must be {(len(logits), *place.crop)}"
            )
    if not 0 <= confidence <= 1:
        raise InputError(f"confidence {confidence} is out of range; choose 0 to 1")
