"""Atrous spatial pyramid pooling (DeepLabv3, section 3.3 and Figure 5)."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv, SeparableAtrousConv
from atrous.model.compatibility import BetweenSeparable
from atrous.model.config import LayerSpec
from atrous.model.image_mean import ImageMean
from atrous.model.layers import conv_layer, conv_layers
from atrous.model.pooling import WindowMeans
from atrous.model.resize import Resize
from atrous.model.stride_plan import aspp_rates


class ImagePooling(nn.Module):
    """The image-level feature: global mean -> 1x1 convolution -> the same vector everywhere.

    With means over windows it is one vector for each of them, upsampled.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        pool: ImageMean | WindowMeans | None = None,
        align_corners: bool = True,
        epsilon: float,
    ) -> None:
        super().__init__()
        self.pool = ImageMean() if pool is None else pool
        self.resize = None if isinstance(self.pool, ImageMean) else Resize(align_corners=align_corners)
        self.project = AtrousConv(in_channels, out_channels, epsilon=epsilon, activation=nn.ReLU())

    def plan(self, *, output_stride: int) -> None:
        """Set the windows for an output stride, where there are any."""
        self.pool.plan(output_stride=output_stride)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Bilinear upsampling of a single position is a constant, hence `expand`."""
        projected, (height, width) = self.project(self.pool(x)), x.shape[-2:]
        if self.resize is None:
            return projected.expand(-1, -1, height, width)
        return self.resize(projected, (height, width))


class ASPP(nn.Module):
    """Parallel branches over one map, concatenated and projected.

    Args:
        in_channels: Channels of the backbone's high map.
        rates: Of the 3x3 branches at output stride 16; () is the mobile head without them.
        channels: Of every branch.
        image_pooling: Whether the image-level branch exists.
        separable: Whether the 3x3 branches are depthwise separable (DeepLabv3+).
        projection: Layers after the concatenation; the papers have one 1x1.
        dropout: Probability after the projection, 0.1 in the official code.
        output_stride: The backbone's; the rates scale with it.
        epsilon: Of the batch norms.
        pool: Of the image-level branch; None is the mean of the whole map.
        align_corners: Of the upsampling of its means, where there are several.
        between: What stands between the convolutions of separable ones.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        rates: Sequence[int] = (6, 12, 18),
        channels: int = 256,
        image_pooling: bool = True,
        separable: bool = False,
        projection: Sequence[LayerSpec] = ((1, 256, False),),
        dropout: float = 0.1,
        output_stride: int = 16,
        epsilon: float = 1e-5,
        pool: ImageMean | WindowMeans | None = None,
        align_corners: bool = True,
        between: BetweenSeparable = "norm and relu",
    ) -> None:
        super().__init__()
        self.rates_at_16 = tuple(rates)
        # The order is the official code's: imported projection weights depend on it.
        self.branches = nn.ModuleDict()
        if image_pooling:
            self.branches["image_pooling"] = ImagePooling(
                in_channels, channels, pool=pool, align_corners=align_corners, epsilon=epsilon
            )
        self.branches["aspp0"] = conv_layer(in_channels, (1, channels, False), epsilon=epsilon)
        for number in range(1, len(self.rates_at_16) + 1):
            layer = (3, channels, separable)
            self.branches[f"aspp{number}"] = conv_layer(in_channels, layer, epsilon=epsilon, between=between)
        self.projection = conv_layers(channels * len(self.branches), projection, epsilon=epsilon, between=between)
        self.dropout = nn.Dropout(dropout)
        self.out_channels = projection[-1][1] if projection else channels * len(self.branches)
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set the rates of the 3x3 branches, and windows of the pooling, for an output stride."""
        self.rates = aspp_rates(self.rates_at_16, output_stride=output_stride)
        for number, rate in enumerate(self.rates, start=1):
            branch = cast(AtrousConv | SeparableAtrousConv, self.branches[f"aspp{number}"])
            branch.plan(stride=1, rate=rate)
        if self.pooling is not None:
            self.pooling.plan(output_stride=output_stride)

    @property
    def pooling(self) -> ImagePooling | None:
        """The image-level branch."""
        first = next(iter(self.branches.values()))
        return first if isinstance(first, ImagePooling) else None

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """The encoder's output, 256 channels in the papers."""
        views = [branch(x) for branch in self.branches.values()]
        return self.dropout(self.projection(torch.cat(views, dim=1)))
