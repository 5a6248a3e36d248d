"""Convolutions of patches, as in ConvNeXt: their kernel is as wide as their stride, and nothing is padded."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class PatchConv(nn.Conv2d):
    """Convolution of patches that can be planned with stride 1.

    With a stride its map has the positions of all whole patches. Planned without, every position begins a patch, also
    those at the last rows and columns, whose patches are filled with zeros, so that the map keeps its size.

    Args:
        layer: The convolution, whose parameters it shares.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] (torch leaves its types out)
            layer.in_channels,
            layer.out_channels,
            (layer.kernel_size[0], layer.kernel_size[1]),
            groups=layer.groups,
            bias=layer.bias is not None,
            device="meta",
        )
        self.weight, self.bias = layer.weight, layer.bias
        self.keeps_size = False

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d H W"]:  # noqa: A002 (torch's name)
        """Convolve; with `keeps_size` the result has as many positions as the input."""
        if self.keeps_size:
            down, right = ((size - 1) * rate for size, rate in zip(self.kernel_size, self.dilation, strict=True))
            input = F.pad(input, (0, right, 0, down))  # noqa: A001
        return super().forward(input)


def is_patch(layer: nn.Conv2d) -> bool:
    """Return True for a convolution without padding whose taps do not overlap."""
    return layer.padding == (0, 0) and layer.kernel_size == layer.stride and max(layer.kernel_size) > 1
