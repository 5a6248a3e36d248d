"""Images a second of `predict_files` on a folder of JPEGs: all processors against one, and against another checkout.

What the machine allows stands beside it: as many commands as there are processors, each on one of them with pictures
and files of its own. Processors that share a core, caches or memory are slower together than alone.

    python benchmarks/folder.py [--model deeplabv3_mobilenet_v2] [--images 24] [--side 513] [--rounds 5] [--old SRC]

Runs alternate, each in a process of its own that first predicts a few images. `--old` names the `src` folder of a
checkout whose `predict_files` has the same arguments. Prints the median of each and the median of the ratios.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from pictures import write_pictures

SEPARATE = "a command on each"

WORK = """
import os, sys, time
from pathlib import Path
folder, out, model, processors, first = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:])
if processors:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[first : first + processors])
import torch
import atrous
from atrous.inference.output_files import plan_files
from atrous.inference.predict_files import predict_files
threads = len(os.sched_getaffinity(0))
torch.set_num_threads(threads)
predictor = atrous.Predictor(getattr(atrous, model)(classes=21))
plan = plan_files(sorted(folder.iterdir()), out=out)
list(predict_files(predictor, plan[:4]))
begin, busy = time.perf_counter(), time.process_time()
assert all(outcome.problem is None for outcome in predict_files(predictor, plan))
seconds = time.perf_counter() - begin
print(len(plan) / seconds, (time.process_time() - busy) / seconds / threads)
"""


def run(source: Path, folder: Path, model: str, processors: int, first: int = 0) -> tuple[float, float]:
    """Images a second on `processors` from number `first` on, 0 for all; and the share of their time that was used."""
    environment = os.environ | {"PYTHONPATH": str(source)}
    environment.pop("OMP_NUM_THREADS", None)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", WORK, str(folder), out, model, str(processors), str(first)]
        rate, busy = subprocess.check_output(command, env=environment).split()
    return float(rate), float(busy)


def separate(source: Path, folder: Path, model: str) -> tuple[float, float]:
    """Images a second of one command on each processor at the same time, and the mean share of its time."""
    processors = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(processors) as pool:
        found = list(pool.map(lambda number: run(source, folder, model, 1, first=number), range(processors)))
    rates, busy = zip(*found, strict=True)
    return sum(rates), sum(busy) / processors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="deeplabv3_mobilenet_v2")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--side", type=int, default=513)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--old", type=Path)
    options = parser.parse_args()
    here = Path(__file__).resolve().parents[1] / "src"
    kinds = {"one processor": (here, 1), "all processors": (here, 0)}
    if options.old:
        kinds["all processors, old"] = (options.old, 0)
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in [*kinds, SEPARATE]}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "pictures")
        write_pictures(folder, number=options.images, side=options.side)
        for _ in range(options.rounds):
            for kind, (source, processors) in kinds.items():
                found[kind].append(run(source, folder, options.model, processors))
            found[SEPARATE].append(separate(here, folder, options.model))
    print(f"{options.model}, {options.images} JPEGs of {options.side}x{options.side}, {options.rounds} rounds, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for kind, values in found.items():
        rates, busy = zip(*values, strict=True)
        print(f"{kind:22} {median(rates):6.2f} images/s, processors {median(busy):.0%} busy")
    rates = {kind: [rate for rate, _ in values] for kind, values in found.items()}
    pairs = [("all processors", kind) for kind in rates if kind != "all processors"] + [(SEPARATE, "one processor")]
    for numerator, kind in pairs:
        ratios = [new / other for new, other in zip(rates[numerator], rates[kind], strict=True)]
        print(f"{numerator} / {kind}: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
