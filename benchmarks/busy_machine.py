"""Predictions while other programs keep the processors busy: torch's threads against a single one.

    python benchmarks/busy_machine.py [--busy 0 2 10] [--predictions 20] [--rounds 3] [--limit 2] [--all]

Starts so many processes that compute without end, and predicts a picture of 120x160 with the CamVid model of this
repository some times in a row: with one thread, and with torch's own number, which `Predictor` lowers while processors
are wanted by others; with `--all` also with that number whatever the load is, which may take minutes. They take turns,
each in a process of its own; wall time, medians. Ends with status 1 if the second takes more than `--limit` times as
long as the first.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

CAMVID = Path(__file__).parents[1] / "models" / "deeplabv3plus_mobilenet_v2_camvid.safetensors"
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"  # ends with the benchmark
WAYS = ("one thread", "by load", "all threads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2, 10])
    parser.add_argument("--predictions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=2.0)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(predictions(options.way, options.predictions))
        return
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before\n")
    print("| busy processes | one thread | threads by load | times | all threads | times |")
    print("|---|---|---|---|---|---|")
    worst = max(row(busy, options) for busy in options.busy)
    sys.exit(worst > options.limit)


def row(busy: int, options: argparse.Namespace) -> float:
    """Print a row; returns the ratio that counts."""
    command = [sys.executable, __file__, "--predictions", str(options.predictions), "--way"]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    with busy_processes(busy):
        for _ in range(options.rounds):
            for way in WAYS if options.all else WAYS[:2]:
                seconds[way].append(float(subprocess.check_output([*command, way])))
    one, load, *every = (median(times) for times in seconds.values() if times)
    more = f"{every[0]:.2f} s | {every[0] / one:.2f}" if every else "- | -"
    print(f"| {busy} | {one:.2f} s | {load:.2f} s | {load / one:.2f} | {more} |", flush=True)
    return load / one


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Keep processors busy."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def predictions(way: str, number: int) -> float:
    """Seconds for some predictions, after one to get warm."""
    import numpy as np
    import torch

    import atrous
    from atrous.ops.cpu import processor_load

    torch.set_num_threads(1 if way == "one thread" else os.cpu_count() or 1)
    if way == "all threads":
        processor_load.free_processors = lambda: os.cpu_count() or 1
    predictor = atrous.Predictor(atrous.load(CAMVID))
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    predictor(picture)
    begin = time.perf_counter()
    for _ in range(number):
        predictor(picture)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
