"""Maps of a TFLite network as operators change them between convolutions: size, pooling, resizing, sub-grids."""

from dataclasses import dataclass, replace
from typing import Literal

from atrous.errors import InputError
from atrous.sizes import Size, ceil_div, size_text

State = Literal["features", "pooled", "spread", "enlarged"]
"""Maps as convolutions give them; means of whole maps; these at every position of a map; resized to another size."""

SubGrids = tuple[int, tuple[int, int], tuple[int, int]]
"""Block of a space-to-batch, and its zeros (before, after) along height and width."""


@dataclass(frozen=True)
class TracedMap:
    """A map between convolutions.

    Attributes:
        size: Height and width.
        state: What became of it since the last convolution.
        grids: Sub-grids that it is split into; None for a whole map.
        margin: Zeros that a convolution added around each sub-grid, in positions of the whole map; None before one.
    """

    size: Size
    state: State = "features"
    grids: SubGrids | None = None
    margin: int | None = None

    def convolved(self, *, stride: int, kernel: int, same: bool) -> "TracedMap":
        """The output of a convolution.

        Raises:
            InputError: If the map was resized, or split into sub-grids for another convolution than one atrous.
        """
        if self.state in ("spread", "enlarged"):
            raise InputError("a convolution of resized maps is in no official DeepLab file")
        if self.grids is not None:
            if self.margin is not None or stride != 1:
                raise InputError("two or strided convolutions of sub-grids are in no official DeepLab file")
            return replace(self, margin=kernel // 2 * self.grids[0] if same else 0)
        height, width = self.size
        return TracedMap((ceil_div(height, stride), ceil_div(width, stride)), self.state)

    def pooled(self, *, window: Size | None) -> "TracedMap":
        """The mean over the window; None is over the whole map.

        Raises:
            InputError: If the window is smaller or the map no features.
        """
        if self.state != "features" or self.grids is not None or window not in (None, self.size):
            raise InputError(f"pooling of {size_text(window or self.size)}; only the whole map is pooled in DeepLab")
        return TracedMap((1, 1), "pooled")

    def resized(self, size: Size) -> "TracedMap":
        """The map at another size.

        Raises:
            InputError: If it was resized before.
        """
        if self.grids is not None:
            raise InputError("resizing of sub-grids is in no official DeepLab file")
        if size == self.size:
            return self
        if self.state == "pooled":
            return TracedMap(size, "spread")
        if self.state == "features":
            return TracedMap(size, "enlarged")
        raise InputError("resizing of resized maps is in no official DeepLab file")

    def split(self, grids: SubGrids) -> "TracedMap":
        """The sub-grids of the map.

        Raises:
            InputError: If it is no whole map of features.
        """
        if self.state != "features" or self.grids is not None:
            raise InputError("space-to-batch of such maps is in no official DeepLab file")
        return replace(self, grids=grids)

    def joined(self, grids: SubGrids, *, kernel: int) -> "TracedMap":
        """The map that sub-grids become after one convolution.

        Raises:
            InputError: If zeros and cuts do not give the map of an atrous convolution with as many zeros on each side.
        """
        if self.grids is None or self.margin is None or grids[0] != self.grids[0]:
            raise InputError("batch-to-space without its space-to-batch is in no official DeepLab file")
        block, *zeros = self.grids
        around = kernel // 2 * block
        for (before, after), (cut_before, cut_after) in zip(zeros, grids[1:], strict=True):
            added = before + after - cut_before - cut_after + 2 * (self.margin - around)
            if before - cut_before + self.margin != around or added != 0:
                raise InputError("zeros and cuts of its sub-grids are not those of an atrous convolution")
        return TracedMap(self.size)
