"""Settings of torch for inference, whatever settings the calling program has changed.

The caller's autocast, default device and default number type change neither what is loaded nor what is computed. In a
process that was forked after torch has computed in threads, those threads are gone; it then computes in a single one.
"""

import logging
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import torch

from atrous.errors import InputError
from atrous.ops.cpu.processor_load import limited_threads

_log = logging.getLogger(__name__)
_processes = list[int]()


@contextmanager
def default_torch_settings() -> Generator[None]:
    """Create tensors on the CPU in float32 unless the code says otherwise, whatever the caller's defaults are."""
    dtype = torch.get_default_dtype()
    with ExitStack() as stack:
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        yield


@contextmanager
def inference_context(device: torch.device) -> Generator[None]:
    """Compute without gradients, in the number type of the weights, on a CPU with the threads that its load allows.

    Raises:
        InputError: If CUDA was used in the process that this one was forked from.
    """
    _check_process(device)
    with ExitStack() as stack:
        stack.enter_context(default_torch_settings())
        stack.enter_context(torch.inference_mode())
        if device.type == "cpu":
            stack.enter_context(limited_threads())
        if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
            stack.enter_context(torch.autocast(device.type, enabled=False))
        yield


def _check_process(device: torch.device) -> None:
    process = os.getpid()
    if _processes and _processes[0] != process:
        if device.type == "cuda":
            raise InputError("CUDA does not work in a process forked after its first use; start processes by 'spawn'")
        _log.warning("this process was forked after torch had computed in threads; it computes in a single thread")
        torch.set_num_threads(1)  # OpenMP's threads are not there in a fork, and would be waited for without end
    _processes[:] = [process]
