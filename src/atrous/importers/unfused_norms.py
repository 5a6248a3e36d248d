"""Real statistics for batch norms that were folded away, so that a backbone from an inference file can be trained."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.model.deeplab import DeepLab
from atrous.model.norm import BatchNorm, norms


@dataclass
class _Moments:
    """Mean and variance per channel of all values seen, merged batch by batch (Chan, Golub, LeVeque 1979).

    Within a row of a map in float32, over rows, images and batches in float64.
    """

    count: int = 0
    mean: Tensor | float = 0.0
    variance: Tensor | float = 0.0

    def add(self, values: Float[Tensor, "b c h w"]) -> None:
        """See a batch of maps."""
        row_variance, row_mean = (found.double() for found in torch.var_mean(values, dim=3, correction=0))
        between_rows, mean = torch.var_mean(row_mean, dim=(0, 2), correction=0)
        variance = row_variance.mean(dim=(0, 2)) + between_rows
        added = values[:, 0].numel()
        self.count += added
        share, apart = added / self.count, mean - self.mean
        self.mean = self.mean + share * apart
        self.variance = (1 - share) * (self.variance + share * apart.square()) + share * variance


def unfold_batch_norms(
    model: DeepLab, images: Iterable[Tensor], *, on_progress: Callable[[int], None] | None = None
) -> None:
    """Give every batch norm of the backbone the true statistics of its input, and change nothing else.

    In eval mode a batch norm is a line per channel, y = a x + b with a = gamma / sqrt(var + eps) and b = beta - a mean
    (a = 1 where it was folded). For any mean and variance, gamma = a sqrt(var + eps) and beta = b + a mean give the
    same line. Here these are the mean and variance of what actually arrives: of the convolution's output, which has no
    bias, over all given images. So the function in eval mode stays, and in training the batch's statistics are close
    to the running ones. As no layer's function changes, no later layer's input does either: one pass over the images
    measures all layers, and their order plays no role.

    Args:
        model: Its backbone's batch norms are rewritten in place; head and decoder stay as they are.
        images: Batches of training images `[b, c, h, w]`, values 0..255, on the model's device; sizes may differ.
            Nothing of a batch is kept.
        on_progress: Called with the number of images seen so far.

    Raises:
        InputError: If there is no image.
    """
    backbone = model.backbone
    assert isinstance(backbone, nn.Module)
    moments = {norm: _Moments() for norm in norms(backbone) if norm.affine and norm.track_running_stats}
    hooks = [norm.register_forward_pre_hook(_collector(found)) for norm, found in moments.items()]
    was_training, seen = backbone.training, 0
    backbone.eval()
    try:
        with torch.inference_mode():
            for batch in images:
                model.backbone(model.preprocess(batch, output_stride=model.output_stride))
                seen += len(batch)
                if on_progress is not None:
                    on_progress(seen)
    finally:
        backbone.train(was_training)
        for hook in hooks:
            hook.remove()
    if not seen:
        raise InputError("batch norm statistics need at least one training image; none was given")
    for norm, found in moments.items():
        _rewrite(norm, found)


def _collector(moments: _Moments) -> Callable[[nn.Module, tuple[Tensor]], None]:
    return lambda _, inputs: moments.add(inputs[0])


@torch.no_grad()
def _rewrite(norm: BatchNorm, moments: _Moments) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    slope = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    offset = norm.bias.double() - slope * norm.running_mean.double()
    norm.running_mean.copy_(torch.as_tensor(moments.mean))
    norm.running_var.copy_(torch.as_tensor(moments.variance))
    norm.weight.copy_(slope * (norm.running_var.double() + norm.eps).sqrt())
    norm.bias.copy_(offset + slope * norm.running_mean.double())
