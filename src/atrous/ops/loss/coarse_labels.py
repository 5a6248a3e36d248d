"""Labels reduced to the grid of the coarse logits, which costs accuracy (DeepLabv3, section 4.1 and Table 8)."""

import torch
from jaxtyping import Integer
from torch import Tensor

from atrous.ops.upsample import Placement
from atrous.sizes import Size


def coarse_labels(
    labels: Integer[Tensor, "b H W"], size: Size, *, placement: Placement, ignore: int
) -> Integer[Tensor, "b h w"]:
    """Pick the label nearest to the position of each coarse logit; halves are rounded up.

    Args:
        labels: Class ids at full size: the crop of `placement`.
        size: (height, width) of the coarse map.
        placement: Placement of the map over the image.
        ignore: Label of positions beyond the image.
    """
    more_rows, more_columns = (length - crop for length, crop in zip(placement.size, placement.crop, strict=True))
    padded = torch.nn.functional.pad(labels, (0, more_columns, 0, more_rows), value=ignore)
    rows, columns = (
        _nearest(new, old, align_corners=placement.align_corners, like=labels)
        for new, old in zip(size, placement.size, strict=True)
    )
    return padded[:, rows[:, None], columns]


def _nearest(new: int, old: int, *, align_corners: bool, like: Tensor) -> Integer[Tensor, " n"]:
    """Indices of the `old` positions nearest to `new` coarse ones; integers, so that every machine agrees."""
    index = torch.arange(new, device=like.device)
    if not align_corners:
        return (2 * index + 1) * old // (2 * new)  # (i + 1/2) * old / new - 1/2, rounded
    span = max(new - 1, 1)
    return (2 * index * (old - 1) + span) // (2 * span)
