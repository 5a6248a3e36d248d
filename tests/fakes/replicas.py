"""Replicas as processes on this machine, started as `torchrun` starts them but sharing one import of torch."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor

from atrous.errors import InputError
from atrous.training.replicas import replicas_from_environment
from fakes.forkserver import forkserver

Work = Callable[..., dict[str, Tensor]]


def in_replicas(work: Work, folder: Path, *arguments: object, size: int = 2) -> list[dict[str, Tensor]]:
    """What `work(replicas, *arguments)` returns in each of the joined replicas."""
    codes = exit_codes(work, folder, *arguments, size=size)
    assert codes == [0] * size, [path.read_text() for path in sorted(folder.glob("*.txt"))]
    return [load_file(folder / f"{rank}.safetensors") for rank in range(size)]


def exit_codes(work: Work, folder: Path, *arguments: object, size: int = 2) -> list[int | None]:
    """How each replica ended; the message of bad input is in `RANK.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    context = forkserver()
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port}
    processes = [
        context.Process(target=_replica, args=(work, folder, {**shared, "RANK": rank, "LOCAL_RANK": rank}, arguments))
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def _replica(work: Work, folder: Path, variables: dict[str, object], arguments: tuple[object, ...]) -> None:
    os.environ.update({name: str(value) for name, value in variables.items()}, TORCHELASTIC_USE_AGENT_STORE="True")
    torch.set_num_threads(1)
    replicas = replicas_from_environment()
    try:
        with replicas.process_group(torch.device("cpu")):
            found = work(replicas, *arguments)
    except InputError as error:
        (folder / f"{replicas.rank}.txt").write_text(str(error))
        raise SystemExit(2) from None
    save_file({name: value.contiguous() for name, value in found.items()}, folder / f"{replicas.rank}.safetensors")
