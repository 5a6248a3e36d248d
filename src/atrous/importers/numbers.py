"""Numbers of a foreign network: what cannot be weights is refused before a model holds it."""

from torch import Tensor

from atrous.errors import InputError

COUNTER = "num_batches_tracked"
"""The only whole number that a network of PyTorch stores: no layer computes with it in inference."""


def checked_numbers(name: str, tensor: Tensor) -> Tensor:
    """The tensor, once its values can be those of a layer; one on the device meta has none to check.

    Raises:
        InputError: If they are whole or complex numbers or of 8 bits, whose scale nothing states, not finite, beyond
            float32, or variances below 0.
    """
    if name.endswith(COUNTER) or tensor.is_meta:
        return tensor
    if not tensor.is_floating_point() or tensor.dtype.itemsize == 1:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise InputError(f"{name} holds {kind} numbers, whose scale nothing states; give weights of 16 or 32 bits")
    if not tensor.isfinite().all():
        raise InputError(
            f"{name} holds values that are no finite numbers, as after a training that diverged; give an earlier "
            "checkpoint"
        )
    if not tensor.float().isfinite().all():
        raise InputError(
            f"{name} holds values beyond those of float32 (up to 3.4e38), in which layers compute; the file is damaged "
            "or no network, get it again from its source"
        )
    if name.endswith(".running_var") and (tensor < 0).any():
        raise InputError(f"{name} holds variances below 0; the file is damaged, get it again from its source")
    return tensor
