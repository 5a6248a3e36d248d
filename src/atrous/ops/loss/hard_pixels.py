"""Hard pixel mining: only the pixels that lose most teach (`top_k_percent_pixels` of the official code)."""

from jaxtyping import Float
from torch import Tensor


def top_k_weights(losses: Float[Tensor, "b h w"], *, fraction: float) -> Float[Tensor, "b h w"]:
    """Each pixel's share in the mean over the hardest pixels of a batch: 0, or 1 / the number of those that count.

    Kept are fraction * b * h * w pixels, rounded down but at least one; pixels without a label are part of that number.
    Of pixels that lose the same the first are kept. Those of the kept ones that lose anything count.

    Args:
        losses: Per pixel, not negative, 0 where there is no label. A loss that is not a number is always kept.
        fraction: Above 0, up to 1.
    """
    if not losses.numel():
        return losses
    flat = losses.flatten()
    kept = max(int(fraction * len(flat)), 1)
    least = flat.topk(kept, sorted=False).values.amin()
    above, level = ~(flat <= least), flat == least
    hard = above | (level & (level.cumsum(0) <= kept - above.sum()))
    hard &= flat != 0
    return (hard.to(losses.dtype) / hard.sum().clamp(min=1)).view_as(losses)
