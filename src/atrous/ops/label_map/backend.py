"""Choice of the compiled code that computes label maps on a device."""

import logging
from functools import cache
from types import ModuleType

import torch

from atrous.ops.bilinear import axis_neighbours
from atrous.ops.label_map.augmented_logits import AugmentedLogits
from atrous.ops.upsample import Placement

_log = logging.getLogger(__name__)


@cache
def compiled_module(device: str) -> ModuleType | None:
    """Import the compiled label map module for a device type; return None if there is none or a test call fails.

    Compilers are imported only here, when the first map is labelled. If one fails, a warning is logged once.

    Args:
        device: Type of the device; there is compiled code for "cpu" and "cuda".
    """
    try:
        if device == "cpu":
            import atrous.ops.label_map.cpu as module
        elif device == "cuda":
            import atrous.ops.label_map.cuda as module
        else:
            return None
        logits, labels = _test_case(device)
        module.fill_label_map(logits, labels, Placement.whole((1, 1), align_corners=True))
    except Exception as problem:  # compilers fail in many ways: absent, or unfit for a processor or a version
        _warn(problem)
        return None
    return module


@cache
def compiled_mean_argmax() -> ModuleType | None:
    """Import the compiled label map of mean probabilities on a CPU; return None if a test call fails."""
    try:
        import atrous.ops.label_map.mean_argmax_cpu as module

        logits, labels = _test_case("cpu")
        pixel = axis_neighbours(1, length=1, source=1, align_corners=True, like=logits)
        module.fill_mean_label_map([AugmentedLogits(logits, pixel, pixel)], labels)
    except Exception as problem:
        _warn(problem)
        return None
    return module


def _test_case(device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(1, 1, 1, 1, device=device), torch.empty(1, 1, 1, dtype=torch.uint8, device=device)


def _warn(problem: Exception) -> None:
    _log.warning("label maps take several times longer without compiled code: %s", problem)
