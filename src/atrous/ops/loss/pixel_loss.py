"""What one pixel loses: cross entropy against its label, smoothed and weighed."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor


@dataclass(frozen=True)
class PixelLoss:
    """Cross entropy with what a label stands for: most of it the labelled class, a little of every class.

    With k classes, weights w and smoothing e, a label y stands for (1 - e) w_y of class y, on top of e w_c / k of every
    class c, as in `torch.nn.functional.cross_entropy` (Szegedy et al., arXiv 1512.00567, section 7).

    Attributes:
        class_weights: One factor per class, not negative; their dtype is what losses are computed in.
        label_smoothing: e, 0..1.
        ignore: The label of pixels that lose nothing.
    """

    class_weights: Float[Tensor, " k"]
    label_smoothing: float
    ignore: int

    def labelled(self, target: Integer[Tensor, "*size"]) -> Bool[Tensor, "*size"]:
        """Which pixels can lose something."""
        return target.long() != self.ignore  # wide first: an ignored value may be beyond the target's own type

    def own(self, labels: Int64[Tensor, "*size"]) -> Float[Tensor, "*size"]:
        """Of each label y: (1 - e) w_y."""
        return self.class_weights[labels] * (1 - self.label_smoothing)

    @property
    def background(self) -> Float[Tensor, " k"]:
        """Of each class c: e w_c / k."""
        return self.class_weights * (self.label_smoothing / len(self.class_weights))
