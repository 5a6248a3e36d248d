"""Devices by name, as the command line and Python take them."""

import re

import torch

from atrous.errors import InputError, did_you_mean
from atrous.memory_limit import memory_limit

Device = str | int | torch.device
"""`auto`, `cpu`, `cuda`, `cuda:1`, `mps`, `gpu`, the number of a CUDA device, or a device of torch."""

_NUMBER = "[0-9]{1,3}"
_KINDS = ("auto", "cpu", "cuda", "mps", "gpu")


def choose_device(device: Device) -> torch.device:
    """Return the device of a name or number.

    `auto` takes CUDA, else Apple's MPS, else the CPU; `gpu` the same without the CPU; `1` is `cuda:1`.

    Raises:
        InputError: If there is no such name, or this machine or this build of torch has no such device.
    """
    if isinstance(device, torch.device):
        return device
    name = str(device).lower()
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if name == "gpu":
        name = "mps" if available["mps"] and not available["cuda"] else "cuda"
    if re.fullmatch(_NUMBER, name):
        name = f"cuda:{name}"
    kind, colon, number = name.partition(":")
    if kind not in available or (colon and not re.fullmatch(_NUMBER, number)):
        hint = did_you_mean(kind, _KINDS)
        raise InputError(
            f"device {device!s:.40}: there is no such device; "
            f"{hint if kind not in available and hint.startswith('did') else 'choose auto, cpu, cuda, cuda:1 or mps'}"
        )
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not available[kind] or int(number or 0) >= count:
        raise InputError(f"device {device}: this machine or this build of torch has none; use cpu")
    return torch.device(kind, int(number)) if number else torch.device(kind)


def device_memory(device: torch.device) -> int:
    """Return the memory of a device in bytes: of the GPU, of what MPS recommends, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    return memory_limit()
