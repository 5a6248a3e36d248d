"""What runs through the tensors of a Core ML network."""

from dataclasses import dataclass
from typing import Literal

from atrous.importers.coreml.function import Function
from atrous.sizes import Size

Resized = Literal["no", "spread", "enlarged"]


@dataclass(frozen=True, eq=False)
class TracedTensor:
    """Maps of features, or the image.

    Attributes:
        sources: The convolutions that they come from, as in `FusedConvolution.inputs`.
        channels: How many.
        size: Height and width, in pixels of the image size that the file states.
        function: What happened to them since the convolution (the image: since it was read); None once they were
            mixed, pooled or resized, after which nothing may happen channel by channel.
        padding: Zeros on each side that were added for the next convolution.
        resized: Whether one position was spread over a map, as after image pooling, or a map enlarged, as logits are.
        is_answer: Whether they are probabilities or labels, which nothing reads.
    """

    sources: tuple[str, ...]
    channels: int
    size: Size
    function: Function | None = None
    padding: int = 0
    resized: Resized = "no"
    is_answer: bool = False
