"""Choice of the compiled code that computes label maps on a device."""

import logging
from functools import cache
from types import ModuleType

import torch

from atrous.ops.upsample import Placement

_log = logging.getLogger(__name__)


@cache
def backend_for(device: str) -> ModuleType | None:
    """Module that labels maps on a type of device in compiled code; None if there is none that works here.

    Compilers are imported only here, when the first map is labelled. If one fails, a warning is logged once.
    """
    try:
        if device == "cpu":
            import atrous.ops.label_map.cpu as module
        elif device == "cuda":
            import atrous.ops.label_map.cuda as module
        else:
            return None
        label = torch.empty(1, 1, 1, dtype=torch.uint8, device=device)
        module.label_map(torch.zeros(1, 1, 1, 1, device=device), label, Placement.whole((1, 1), align_corners=True))
    except Exception as problem:  # compilers fail in many ways: absent, or unfit for a processor or a version
        _log.warning("label maps take several times longer without compiled code: %s", problem)
        return None
    return module
