"""Atrous spatial pyramid pooling (DeepLabv3, section 3.3 and Figure 5)."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv, SeparableAtrousConv, conv_layer, conv_layers
from atrous.model.compatibility import BetweenSeparable
from atrous.model.config import LayerSpec
from atrous.model.parts import Part, chained
from atrous.model.resampling import ImageMean, Resize, WindowMeans
from atrous.model.stride_plan import aspp_rates, check_head_stride


class ImagePooling(nn.Module):
    """Image-level features: global mean -> 1x1 convolution -> the same vector at every position.

    With means over windows there is a vector for each window, upsampled to the map.

    Args:
        in_channels: Channels of the backbone's high map.
        out_channels: Channels of the result.
        pool: Global mean (None) or means over windows.
        align_corners: True where upsampling aligns the centres of corner pixels, False where it aligns their edges.
        epsilon: Added to the variance in the batch norm.
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
        """Set the windows, if there are any, for an output stride."""
        self.pool.plan(output_stride=output_stride)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Pool, project, and spread over the map; a single position is upsampled bilinearly to a constant."""
        projected, (height, width) = self.project(self.pool(x)), x.shape[-2:]
        if self.resize is None:
            return projected.expand(-1, -1, height, width)
        return self.resize(projected, (height, width))


class ASPP(nn.Module):
    """Parallel branches over one map, concatenated and projected.

    Args:
        in_channels: Channels of the backbone's high map.
        rates: Rates of the 3x3 branches at output stride 16; () is the mobile head without them.
        channels: Channels of each branch.
        image_pooling: True for a branch of image-level features.
        separable: True for depthwise separable 3x3 branches (DeepLabv3+).
        projection: Layers after the concatenation; the papers have one 1x1.
        dropout: Probability after the projection, 0.1 in the official code.
        output_stride: Output stride of the backbone; the rates scale with it.
        epsilon: Added to the variance in the batch norms.
        pool: Pooling of the image-level branch; None is the mean of the whole map.
        align_corners: Alignment with which means over windows are upsampled.
        between: Layers between the convolutions of separable branches.
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
        """Set the rates of the 3x3 branches, and windows of the pooling, for an output stride.

        Raises:
            InputError: If there is no ASPP at this output stride, or a rate would not be a positive integer.
        """
        check_head_stride(output_stride)
        self.rates = aspp_rates(self.rates_at_16, output_stride=output_stride)
        for number, rate in enumerate(self.rates, start=1):
            branch = cast(AtrousConv | SeparableAtrousConv, self.branches[f"aspp{number}"])
            branch.plan(stride=1, rate=rate)
        if self.pooling is not None:
            self.pooling.plan(output_stride=output_stride)

    @property
    def pooling(self) -> ImagePooling | None:
        """The branch of image-level features."""
        first = next(iter(self.branches.values()))
        return first if isinstance(first, ImagePooling) else None

    def parts(self, *, after: str, output_stride: int) -> Iterator[Part]:
        """Yield the branches, which all take the part `after`, then the projection, which takes all branches."""
        rates = {f"aspp{number}": rate for number, rate in enumerate(self.rates, start=1)}
        for name, branch in self.branches.items():
            inputs = () if branch is self.pooling else (after,)
            yield Part(name, 1, rates.get(name, 1), output_stride, branch, inputs)
        yield from chained(
            tuple(self.projection), name="projection", output_stride=output_stride, inputs=tuple(self.branches)
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Encode the map: 256 channels in the papers."""
        branches = [branch(x) for branch in self.branches.values()]
        return self.dropout(self.projection(torch.cat(branches, dim=1)))
