"""Choice of the compiled code that computes label maps on a device."""

import logging
from collections.abc import Callable
from functools import cache
from types import ModuleType

import torch

from atrous.ops.bilinear import axis_neighbours
from atrous.ops.label_map.augmented_logits import AugmentedLogits
from atrous.ops.upsample import Placement

_log = logging.getLogger(__name__)


def compiled_module(device: str) -> ModuleType | None:
    """Import the compiled label map module for a device type; return None if there is none or a test call fails.

    Compilers are imported only here, when the first map is labelled. If one fails, a warning is logged once.

    Args:
        device: Type of the device; there is compiled code for "cpu" and "cuda".
    """
    if device == "cpu":
        return _working(_cpu_module)
    return _working(_cuda_module) if device == "cuda" else None


def compiled_mean_argmax() -> ModuleType | None:
    """Import the compiled label map of mean probabilities on a CPU; return None if a test call fails."""
    return _working(_mean_argmax_module)


@cache
def _working(tested_module: Callable[[], ModuleType]) -> ModuleType | None:
    """Return the module that a function imports and tries; None if that fails."""
    try:
        return tested_module()
    except Exception as problem:  # compilers fail in many ways: absent, or unfit for a processor or a version
        _warn(str(problem))
        return None


@cache
def _warn(problem: str) -> None:
    """Log a problem once: a missing compiler is the same problem for every module."""
    _log.warning("label maps take several times longer without compiled code: %s", problem)


def _cpu_module() -> ModuleType:
    import atrous.ops.label_map.cpu as module

    module.fill_label_map(*_test_case("cpu"), Placement.whole((1, 1), align_corners=True))
    return module


def _cuda_module() -> ModuleType:
    import atrous.ops.label_map.cuda as module

    module.fill_label_map(*_test_case("cuda"), Placement.whole((1, 1), align_corners=True))
    return module


def _mean_argmax_module() -> ModuleType:
    import atrous.ops.label_map.mean_argmax_cpu as module

    logits, labels = _test_case("cpu")
    pixel = axis_neighbours(1, length=1, source=1, align_corners=True, like=logits)
    module.fill_mean_label_map([AugmentedLogits(logits, pixel, pixel)], labels)
    return module


def _test_case(device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(1, 1, 1, 1, device=device), torch.empty(1, 1, 1, dtype=torch.uint8, device=device)
