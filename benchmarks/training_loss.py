"""The training loss and its gradient: `atrous.ops.upsample_cross_entropy` against torch's own upsampling and loss.

    python benchmarks/training_loss.py [--rounds 15] [--threads 1] [--device cpu]

Prints a markdown table. The contenders take turns, so that all see the same load; figures are medians. On a CPU with
one thread the clock is processor time, which other programs on the machine hardly touch; otherwise it is wall time.

* `eager`: `F.interpolate(logits, ...)`, `F.cross_entropy(..., ignore_index=255)`, `backward()`, with NCHW or
  channels-last logits, whichever is quicker.
* `ours`: the same with NCHW or channels-last logits, whichever is slower. `smoothed` and `mined` are ours as well, with
  `label_smoothing=0.1` and `top_k_fraction=0.2`, NCHW.
* `memory`: what the process grows by at its peak, each in a process of its own that has made a small loss before; on a
  GPU what torch allocates at its peak.
* `off`: the largest difference of the gradient from that in float64, relative to its largest value; ours and eager.

Logits are noise, labels random and uint8, a tenth of them ignored: the time does not depend on the values.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import timing
import torch
import torch.nn.functional as F
from timing import in_turns

from atrous.ops import Placement, upsample_cross_entropy


class Case(NamedTuple):
    classes: int
    coarse: int
    fine: int
    batch: int


CASES = (Case(11, 81, 321, 8), Case(21, 129, 513, 4), Case(150, 129, 513, 2))
SMALL = Case(3, 5, 17, 1)
FORMATS = {"NCHW": torch.contiguous_format, "channels-last": torch.channels_last}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.device}, {options.threads} thread(s), load {os.getloadavg()[0]:.1f}\n")
    print("| classes | map | batch | ours | smoothed | mined | eager | x eager | memory | of eager's | off |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        print(row(case, rounds=options.rounds, threads=options.threads, device=options.device), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}")


def row(case: Case, *, rounds: int, threads: int, device: str) -> str:
    """Measure a case."""
    seconds = in_turns(contenders(case, device=device), rounds=rounds, clock=clock(threads=threads, device=device))
    best = min(FORMATS, key=lambda memory: seconds[f"eager, {memory}"])
    mine, theirs = max(seconds[f"ours, {memory}"] for memory in FORMATS), seconds[f"eager, {best}"]
    held = [grown(case, f"{who}, {best}", threads=threads, device=device) for who in ("ours", "eager")]
    extra = [f"{1000 * seconds[name]:.1f} ms" for name in ("smoothed", "mined")]
    off = [gradient_error(case, name, device=device) for name in ("ours, NCHW", "eager, NCHW")]
    return (
        f"| {case.classes} | {case.coarse} to {case.fine} | {case.batch} "
        f"| {1000 * mine:.1f} ms | {extra[0]} | {extra[1]} | {1000 * theirs:.1f} ms ({best}) | {theirs / mine:.1f} "
        f"| {held[0] / 2**20:.1f} of {held[1] / 2**20:.0f} MiB | {held[0] / held[1]:.1%} "
        f"| {off[0]:.0e}, {off[1]:.0e} |"
    )


def contenders(case: Case, *, device: str) -> dict[str, Callable[[], torch.Tensor]]:
    """Each computes a loss and gives the gradient of the logits."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(case.batch, case.classes, case.coarse, case.coarse, generator=generator)
    shape = case.batch, case.fine, case.fine
    target = torch.randint(0, case.classes, shape, dtype=torch.uint8, generator=generator)
    target[torch.rand(shape, generator=generator) < 0.1] = 255
    target = target.to(device)
    size = case.fine, case.fine
    ours = partial(upsample_cross_entropy, target=target, placement=Placement.whole(size, align_corners=True))
    leaves = {name: logits.to(device, memory_format=memory).requires_grad_() for name, memory in FORMATS.items()}
    calls = {
        "smoothed": partial(gradient, partial(ours, label_smoothing=0.1), leaves["NCHW"]),
        "mined": partial(gradient, partial(ours, top_k_fraction=0.2), leaves["NCHW"]),
    }
    for name, leaf in leaves.items():
        calls[f"ours, {name}"] = partial(gradient, ours, leaf)
        calls[f"eager, {name}"] = partial(gradient, partial(eager, target=target, size=size), leaf)
    return calls


def gradient(loss_of: Callable[[torch.Tensor], torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
    """The gradient alone; the loss is computed on the way."""
    return torch.autograd.grad(loss_of(logits), logits)[0]


def eager(logits: torch.Tensor, *, target: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """What torch's users write."""
    full = F.interpolate(logits, size, mode="bilinear", align_corners=True)
    return F.cross_entropy(full, target.long(), ignore_index=255)


def clock(*, threads: int, device: str) -> Callable[[], float]:
    """Seconds; what was sent to a GPU is waited for."""
    if device == "cpu":
        return time.process_time if threads == 1 else time.perf_counter

    def after_all() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return after_all


def gradient_error(case: Case, name: str, *, device: str) -> float:
    """Largest difference from float64, for one image, relative to the largest value."""
    case = case._replace(batch=1)
    calls = contenders(case, device=device)
    leaf = calls["eager, NCHW"].args[1]
    exact = gradient(calls["eager, NCHW"].args[0], leaf.detach().double().requires_grad_())
    return ((calls[name]() - exact).abs().max() / exact.abs().max()).item()


def grown(case: Case, name: str, *, threads: int, device: str) -> int:
    """Bytes that the named contender takes at its peak, in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(peak_growth, case, name, threads, device).result()


def peak_growth(case: Case, name: str, threads: int, device: str) -> int:
    """What `grown` says, for this process (Linux)."""
    torch.set_num_threads(threads)
    contenders(SMALL, device=device)[name]()
    call = contenders(case, device=device)[name]
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    return timing.peak_growth(call)


if __name__ == "__main__":
    main()
