"""Time of a training step on 1, 2 and 4 processes, measured and by the model of docs/scaling.md.

    python benchmarks/processes.py [--processes 1 2 4] [--crop 225] [--batch-size 8] [--rounds 3]

The model: a step of n processes on c processors takes the step of one process divided by the smaller of n and c, and
the exchanges: the sum of all gradients, and two of each batch norm (its statistics gathered, their gradients summed).
The time of each exchange is measured here for n processes that do nothing else. In each process one thread computes.
The first number of processes is the base of the model: choose 1, which exchanges nothing.
Runs alternate; prints the median of each and the ratio of measured and modelled time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from torch import nn

import atrous
from atrous.demo.scenes.scene import write_scenes

MODEL, CLASSES = "deeplabv3plus_mobilenet_v2", 8
STEPS = 20
"""The record at the last step is of the last ten, so that starting up is not in it."""

EXCHANGES = """
import sys, time
import torch, torch.distributed as dist
dist.init_process_group("gloo")
torch.set_num_threads(1)
gradients, channels = map(int, sys.argv[1:])
all_gradients, of_norm, own = torch.zeros(gradients), torch.zeros(2, channels), torch.zeros(3, channels)
gathered = [torch.empty_like(own) for _ in range(dist.get_world_size())]
def median_time(exchange):
    times = []
    for _ in range(25):
        dist.barrier()
        begin = time.perf_counter()
        exchange()
        times.append(time.perf_counter() - begin)
    return sorted(times)[12]
of_gradients = median_time(lambda: dist.all_reduce(all_gradients))
of_a_norm = median_time(lambda: (dist.all_gather(gathered, own), dist.all_reduce(of_norm)))
if dist.get_rank() == 0:
    print(of_gradients, of_a_norm)
dist.destroy_process_group()
"""


def torchrun(processes: int, *command: object) -> str:
    """Run a command in this many processes and return what it prints."""
    starter = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.check_output([*starter, *map(str, command)], env=environment, text=True)


def step_seconds(data: Path, processes: int, options: argparse.Namespace) -> float:
    """Mean time of the last ten steps of a run."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ["--iterations", STEPS, "--crop", options.crop, options.crop, "--batch-size", options.batch_size]
        settings += ["--model", MODEL, "--backbone-weights", "None", "--val-split", "none", "--workers", 0]
        torchrun(processes, "-m", "atrous", "train", data, "--out", f"{folder}/run", *settings)
        lines = Path(folder, "run", "metrics.jsonl").read_text().splitlines()
    return next(record["seconds"] for record in map(json.loads, reversed(lines)) if "seconds" in record)


def exchange_seconds(processes: int, gradients: int, norms: list[int]) -> float:
    """Time of the exchanges of a step: one of all gradients, two of each batch norm."""
    if processes == 1:
        return 0.0
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(EXCHANGES)
        script.flush()
        printed = torchrun(processes, script.name, gradients, sum(norms) // len(norms))
    of_gradients, of_a_norm = map(float, printed.split())
    return of_gradients + len(norms) * of_a_norm


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--crop", type=int, default=225)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    model = getattr(atrous, MODEL)(classes=CLASSES)
    gradients = sum(parameter.numel() for parameter in model.parameters())
    norms = [module.num_features for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    processors = len(os.sched_getaffinity(0))
    steps: dict[int, list[float]] = {number: [] for number in options.processes}
    exchanges: dict[int, list[float]] = {number: [] for number in options.processes}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "scenes")
        write_scenes(data, train=16, val=2)
        for _ in range(options.rounds):
            for number in options.processes:
                steps[number].append(step_seconds(data, number, options))
                exchanges[number].append(exchange_seconds(number, gradients, norms))
    print(f"{MODEL}, {options.batch_size} crops of {options.crop}, {gradients} parameters, {len(norms)} batch norms, "
          f"{processors} processors, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print("| processes | step | exchanges | by the model | measured / model |\n|---|---|---|---|---|")
    one = median(steps[options.processes[0]]) * min(options.processes[0], processors)
    for number in options.processes:
        exchange = median(exchanges[number])
        modelled, measured = one / min(number, processors) + exchange, median(steps[number])
        print(f"| {number} | {measured:.2f} s | {exchange:.3f} s | {modelled:.2f} s | {measured / modelled:.2f} |")


if __name__ == "__main__":
    main()
