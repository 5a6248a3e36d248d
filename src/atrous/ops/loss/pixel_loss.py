"""Cross entropy of single pixels: class weights, label smoothing, and the mean over the hardest pixels."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor


@dataclass(frozen=True)
class PixelLoss:
    """Weighted, smoothed cross entropy of a pixel.

    With k classes, class weights w and smoothing e, the target distribution of label y is (1 - e) w_y at class y, plus
    e w_c / k at every class c, as in `torch.nn.functional.cross_entropy` (Szegedy et al., arXiv 1512.00567, section 7).

    Attributes:
        class_weights: One factor per class, not negative; losses are computed in their type.
        label_smoothing: e, 0..1.
        ignore: Label of pixels whose loss is 0.
    """

    class_weights: Float[Tensor, " k"]
    label_smoothing: float
    ignore: int

    def labelled(self, target: Integer[Tensor, "*size"]) -> Bool[Tensor, "*size"]:
        """Mask of the pixels that are not ignored."""
        return target.long() != self.ignore  # long first: the ignored value may not fit the target's own type

    def label_weight(self, labels: Int64[Tensor, "*size"]) -> Float[Tensor, "*size"]:
        """Target weight of each label y at its own class: (1 - e) w_y."""
        return self.class_weights[labels] * (1 - self.label_smoothing)

    @property
    def smoothing_weights(self) -> Float[Tensor, " k"]:
        """Target weight of every class c at every labelled pixel: e w_c / k."""
        return self.class_weights * (self.label_smoothing / len(self.class_weights))


def top_k_weights(losses: Float[Tensor, "b h w"], *, fraction: float) -> Float[Tensor, "b h w"]:
    """Weight of each pixel in the mean over the hardest pixels of a batch (official code: `top_k_percent_pixels`).

    Kept are the fraction * b * h * w pixels of the largest losses, rounded down but at least one; pixels without a
    label are part of that number. Among equal losses the first pixels are kept. The mean is over the kept pixels whose
    loss is not 0: their weight is 1 / their number, that of all others 0.

    Args:
        losses: Loss per pixel, not negative, 0 where there is no label. A loss of NaN is always kept.
        fraction: Fraction of the pixels to keep, above 0, up to 1.
    """
    if not losses.numel():
        return losses
    flat = losses.flatten()
    kept = max(int(fraction * len(flat)), 1)
    least = flat.topk(kept, sorted=False).values.amin()
    above, equal = ~(flat <= least), flat == least
    hard = above | (equal & (equal.cumsum(0) <= kept - above.sum()))
    hard &= flat != 0
    return (hard.to(losses.dtype) / hard.sum().clamp(min=1)).view_as(losses)
