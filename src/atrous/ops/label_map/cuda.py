"""Label map of coarse logits on CUDA, by Triton; see `cuda_kernels.py` for the algorithm."""

# pyright: reportIndexIssue=false
# Triton starts a kernel by indexing it with the grid.

from typing import Any

import torch
import triton  # pyright: ignore[reportMissingImports]
from jaxtyping import Float
from torch import Tensor

from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map import cuda_kernels as kernels
from atrous.ops.label_map.labels import Labels
from atrous.ops.patch_kernels import PATCHES
from atrous.ops.patches import patch_axes
from atrous.ops.upsample import Placement


def label_map(logits: Float[Tensor, "b k h w"], labels: Labels, placement: Placement) -> None:
    """Fill `labels`, which are contiguous and not empty; logits of any memory layout are not copied."""
    _run(kernels.label, logits, placement, labels)


def confidence_map(
    logits: Float[Tensor, "b k h w"],
    labels: Labels,
    probability: Float[Tensor, "b H W"],
    entropy: Float[Tensor, "b H W"],
    placement: Placement,
) -> None:
    """Fill `probability` and `entropy`, contiguous and not empty, from the logits and their label map."""
    _run(kernels.confidence, logits, placement, labels, probability, entropy)


def _run(kernel: Any, logits: Tensor, placement: Placement, *maps: Tensor) -> None:
    batch, classes, *coarse = logits.shape
    by_image, by_class, *steps = logits.stride()
    rows, columns = patch_axes(
        placement.size,
        placement.crop,
        (coarse[0], coarse[1]),
        align_corners=placement.align_corners,
        steps=(steps[0], steps[1]),
        dtype=interpolation_dtype(logits.dtype),
        device=logits.device,
    )
    blocks = triton.cdiv(rows.patches * columns.patches, PATCHES.value)
    with torch.cuda.device_of(logits):
        kernel[(batch * blocks,)](
            logits,
            by_image,
            by_class,
            classes,
            rows.table,
            rows.patches,
            rows.weight,
            columns.table,
            columns.patches,
            columns.weight,
            blocks,
            *placement.crop,
            *maps,
            ROWS=rows.longest,
            COLUMNS=columns.longest,
            num_warps=1,
        )
