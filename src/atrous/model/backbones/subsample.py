"""The identity as a shortcut around convolutions that may stride."""

from jaxtyping import Float
from torch import Tensor, nn


class Subsample(nn.Module):
    """Every stride-th position: the input itself where the unit does not stride."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.plan(stride=stride, rate=1)

    def plan(self, *, stride: int, rate: int) -> None:  # noqa: ARG002
        """Set the stride; a single position has no rate."""
        self.stride = stride

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Drop the positions between."""
        return x if self.stride == 1 else x[..., :: self.stride, :: self.stride]
