"""The decoder of DeepLabv3+ (section 3.1 and Figure 2)."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import conv_layer, conv_layers
from atrous.model.compatibility import BetweenSeparable
from atrous.model.config import LayerSpec
from atrous.model.parts import Part, chained
from atrous.model.resampling import Resize


class Decoder(nn.Module):
    """Low-level features projected to few channels, joined with the upsampled encoder output, refined.

    Args:
        low_channels: Channels of the backbone's low map.
        encoder_channels: Channels of the encoder output.
        low_level_channels: Channels that the low map is projected to (48 is the best of Table 1).
        refinement: Layers after the concatenation (two 3x3 with 256 channels are the best of Table 2).
        align_corners: True where resizing aligns the centres of corner pixels, False where it aligns their edges.
        epsilon: Added to the variance in the batch norms.
        between: Layers between the convolutions of separable layers.
    """

    def __init__(
        self,
        low_channels: int,
        encoder_channels: int,
        *,
        low_level_channels: int = 48,
        refinement: Sequence[LayerSpec] = ((3, 256, False), (3, 256, False)),
        align_corners: bool = True,
        epsilon: float = 1e-5,
        between: BetweenSeparable = "norm and relu",
    ) -> None:
        super().__init__()
        self.resize = Resize(align_corners=align_corners)
        self.low_level = conv_layer(low_channels, (1, low_level_channels, False), epsilon=epsilon)
        joined = encoder_channels + low_level_channels
        self.refine = conv_layers(joined, refinement, epsilon=epsilon, between=between)
        self.out_channels = refinement[-1][1] if refinement else joined

    def parts(self, *, level: str, refine: str, after: tuple[str, ...], output_stride: int) -> Iterator[Part]:
        """Yield the projection of the low map, named `level`, and the layers `refine0` ..., which take `after`, too."""
        yield Part(level, 1, 1, output_stride, self.low_level)
        yield from chained(tuple(self.refine), name=refine, output_stride=output_stride, inputs=(*after, level))

    def forward(self, low: Float[Tensor, "b l h4 w4"], encoded: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h4 w4"]:
        """Join and refine; the result has the size of the low map."""
        height, width = low.shape[-2:]
        encoded = self.resize(encoded, (height, width))
        return self.refine(torch.cat([encoded, self.low_level(low)], dim=1))
