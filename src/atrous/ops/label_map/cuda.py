"""Label map of coarse logits on CUDA, by Triton; see `cuda_kernels.py` for the algorithm."""

# pyright: reportIndexIssue=false
# Triton starts a kernel by indexing it with the grid.

import torch
import triton  # pyright: ignore[reportMissingImports]
from jaxtyping import Float
from torch import Tensor

from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.cuda_kernels import label_kernel
from atrous.ops.label_map.labels import Labels
from atrous.ops.patch_kernels import PATCHES
from atrous.ops.patches import patch_axes
from atrous.ops.upsample import Placement


def fill_label_map(logits: Float[Tensor, "b k h w"], labels: Labels, placement: Placement) -> None:
    """Fill `labels`, which are contiguous and not empty; logits of any memory layout are not copied."""
    batch, classes, *coarse = logits.shape
    image_stride, class_stride, *strides = logits.stride()
    rows, columns = patch_axes(
        placement.size,
        placement.crop,
        (coarse[0], coarse[1]),
        align_corners=placement.align_corners,
        steps=(strides[0], strides[1]),
        dtype=interpolation_dtype(logits.dtype),
        device=logits.device,
    )
    blocks = triton.cdiv(rows.patches * columns.patches, PATCHES.value)
    with torch.cuda.device_of(logits):
        label_kernel[(batch * blocks,)](
            logits,
            image_stride,
            class_stride,
            classes,
            rows.table,
            rows.patches,
            rows.weight,
            columns.table,
            columns.patches,
            columns.weight,
            blocks,
            *placement.crop,
            labels,
            PATCH_ROWS=rows.max_side,
            PATCH_COLUMNS=columns.max_side,
            num_warps=1,
        )
