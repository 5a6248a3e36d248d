"""Placements in few words, for tests."""

from atrous.ops.upsample import Placement


def placed(size, *, align_corners, crop=None):
    """A placement whose crop is all of its size unless it is given."""
    return Placement(size, align_corners=align_corners, crop=crop or size)
