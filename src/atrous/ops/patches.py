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

from atrous.ops.bilinear import axis_neighbours
from atrous.sizes import Size

LONGEST = 4
"""Largest number of pixels of a patch along an axis: 16 pixels with their values fit into a thread's registers."""


@dataclass(frozen=True)
class PatchAxis:
    """Division of the pixels along an axis into patches, as tables on a device.

    Attributes:
        table: Per patch its first pixel, its end, and the offsets in memory of the neighbours before and after.
        weight: Weight of the neighbour after, per pixel.
        reach: Per coarse pixel the first patch that it is the neighbour after of, the first that it is the neighbour
            before of, and the end of these.
        longest: Pixels of the longest patch, rounded up to 1, 2 or 4.
        most: Largest number of patches that one coarse pixel is a neighbour of.
    """

    table: Int64[Tensor, "4 patches"]
    weight: Float[Tensor, " pixels"]
    reach: Int64[Tensor, "3 coarse"]
    longest: int
    most: int

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
    pixels = np.arange(crop)
    begins = np.flatnonzero(np.diff(first, prepend=-1))
    within = pixels - begins[np.searchsorted(begins, pixels, side="right") - 1]
    starts = np.flatnonzero(within % LONGEST == 0)
    stops = np.append(starts[1:], crop)
    table = np.stack((starts, stops, first[starts] * step, second[starts] * step))
    cells, positions = first[starts], np.arange(source)
    reach = np.stack(
        (
            np.searchsorted(cells, positions - 1),
            np.searchsorted(cells, positions),
            np.searchsorted(cells, positions, side="right"),
        )
    )
    longest = int((stops - starts).max())
    return PatchAxis(
        table=torch.from_numpy(table).to(device),
        weight=axis.weight.to(device),
        reach=torch.from_numpy(reach).to(device),
        longest=1 << (longest - 1).bit_length(),
        most=int((reach[2] - reach[0]).max()),
    )
