"""A small decoder over the first map of a backbone, for things of few pixels (not in the papers)."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import conv_layer
from atrous.model.compatibility import BetweenSeparable
from atrous.model.parts import Part
from atrous.model.resampling import Resize


class FineDecoder(nn.Module):
    """Few channels of the first map, and of the output of the decoder before, joined at output stride 2 and refined.

    A third of the joined channels are the first map's. They are few because the map is large: four times as many
    positions as the decoder before it has.

    Args:
        first_channels: Channels of the backbone's first map.
        decoder_channels: Channels of the output of the decoder before.
        channels: Channels of the joined map and of the result.
        align_corners: True where resizing aligns the centres of corner pixels, False where it aligns their edges.
        epsilon: Added to the variance in the batch norms.
        between: Layers between the convolutions of separable layers.
    """

    def __init__(
        self,
        first_channels: int,
        decoder_channels: int,
        *,
        channels: int = 48,
        align_corners: bool = True,
        epsilon: float = 1e-5,
        between: BetweenSeparable = "norm and relu",
    ) -> None:
        super().__init__()
        own = max(channels // 3, 1)
        self.resize = Resize(align_corners=align_corners)
        self.first_level = conv_layer(first_channels, (1, own, False), epsilon=epsilon)
        self.reduce = conv_layer(decoder_channels, (1, channels - own, False), epsilon=epsilon)
        self.refine = conv_layer(channels, (3, channels, True), epsilon=epsilon, between=between)
        self.out_channels = channels

    def parts(self, *, after: tuple[str, ...], input_stride: int, output_stride: int) -> Iterator[Part]:
        """Yield the projections of both maps, and the layer that takes them."""
        yield Part("first_level", 1, 1, output_stride, self.first_level)
        yield Part("fine_reduce", 1, 1, input_stride, self.reduce, after)
        yield Part("fine_refine", 1, 1, output_stride, self.refine, ("first_level", "fine_reduce"))

    def forward(
        self, first: Float[Tensor, "b f h2 w2"], decoded: Float[Tensor, "b c h4 w4"]
    ) -> Float[Tensor, "b k h2 w2"]:
        """Join and refine; the result has the size of the first map."""
        reduced = self.resize(self.reduce(decoded), (first.shape[-2], first.shape[-1]))
        return self.refine(torch.cat([reduced, self.first_level(first)], dim=1))
