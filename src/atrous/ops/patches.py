"""Patches of an image for GPU kernels: up to 4x4 pixels that are interpolated from the same four coarse neighbours.

A thread of a kernel owns a patch. It loads the four neighbours of a class once for all pixels of the patch, and adds
up what the pixels contribute to them. Neighbours far apart have many patches between them, side by side.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from atrous.ops.bilinear import axis_neighbours, block_starts
from atrous.sizes import Size

MAX_PATCH_SIDE = 4
"""Largest side of a patch in pixels: 16 pixels with their values fit into a thread's registers."""


@dataclass(frozen=True)
class PatchAxis:
    """Division of the pixels along an axis into patches, as tables on a device.

    Attributes:
        table: Per patch its first pixel, its end, and the offsets in memory of its first and second neighbours.
        weight: Weight of the second neighbour, per pixel.
        patch_range: Per position of the coarse map the first patch of which it is the second neighbour, the first of
            which it is the first neighbour, and the end of these.
        max_side: Pixels of the longest patch, rounded up to 1, 2 or 4.
        max_patches: Largest number of patches that have one position of the coarse map as a neighbour.
    """

    table: Int64[Tensor, "4 patches"]
    weight: Float[Tensor, " pixels"]
    patch_range: Int64[Tensor, "3 coarse"]
    max_side: int
    max_patches: int

    @property
    def patches(self) -> int:
        """Number of patches along the axis."""
        return self.table.shape[1]


def patch_axes(
    size: Size,
    crop: Size,
    coarse: Size,
    *,
    align_corners: bool,
    steps: tuple[int, int],
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[PatchAxis, PatchAxis]:
    """Divide rows and columns of an image into patches.

    Args:
        size: (height, width) in pixels that the coarse map spans.
        crop: (height, width) of the image.
        coarse: (height, width) of the coarse map.
        align_corners: True if the centres of the corner pixels coincide.
        steps: Strides in memory of the rows and columns of the coarse map.
        dtype: Type of the weights.
        device: Device of the tables.
    """
    rows, columns = (
        _patch_axis(crop[i], size[i], coarse[i], align_corners=align_corners, step=steps[i], dtype=dtype, device=device)
        for i in range(2)
    )
    return rows, columns


@lru_cache(maxsize=64)
def _patch_axis(
    crop: int, length: int, source: int, *, align_corners: bool, step: int, dtype: torch.dtype, device: torch.device
) -> PatchAxis:
    """Cached, because copies to the device would hold it up at every call."""
    like = torch.empty(0, dtype=dtype, device="cpu")
    axis = axis_neighbours(crop, length=length, source=source, align_corners=align_corners, like=like)
    first, second = axis.first.numpy(), axis.second.numpy()
    starts = block_starts(first, max_length=MAX_PATCH_SIDE)
    stops = np.append(starts[1:], crop)
    table = np.stack((starts, stops, first[starts] * step, second[starts] * step))
    first_of_patches, positions = first[starts], np.arange(source)
    patch_range = np.stack(
        (
            np.searchsorted(first_of_patches, positions - 1),
            np.searchsorted(first_of_patches, positions),
            np.searchsorted(first_of_patches, positions, side="right"),
        )
    )
    longest = int((stops - starts).max())
    return PatchAxis(
        table=torch.from_numpy(table).to(device),
        weight=axis.weight.to(device),
        patch_range=torch.from_numpy(patch_range).to(device),
        max_side=1 << (longest - 1).bit_length(),
        max_patches=int((patch_range[2] - patch_range[0]).max()),
    )
