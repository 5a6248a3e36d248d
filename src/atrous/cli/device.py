"""`--device auto|cpu|cuda|mps`."""

from typing import Literal

import torch

from atrous.errors import InputError

Device = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(name: Device) -> torch.device:
    """The device of this name; `auto` takes CUDA, else Apple's MPS, else the CPU.

    Raises:
        InputError: If this machine, or this build of torch, has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available[name]:
        raise InputError(f"--device {name}: this machine or this build of torch has none; use --device cpu")
    return torch.device(name)
