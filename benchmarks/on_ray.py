"""Cost of `atrous predict --ray` beside `atrous predict` on the same processors and the same folder of JPEGs.

    python benchmarks/on_ray.py [--weights FILE] [--images 100 300] [--side 513] [--rounds 3]

Needs the extra `ray`. Both commands predict the smaller and the larger number of pictures, in turns. Starting up (Ray,
its workers, reading the weights) does not grow with the pictures: time a picture is the difference of the two times
over the difference of the numbers. Without `--weights` a fresh `deeplabv3_mobilenet_v2` of 21 classes is used. Prints
the median of each and of the ratios.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pictures import write_pictures

import atrous
from atrous.labels import LabelSpace
from atrous.weights.archive import save


def seconds(weights: Path, pictures: Path, *more: str) -> float:
    """Wall time of the whole command."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "atrous", "predict", weights, pictures, "--out", f"{out}/labels", *more]
        begin = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - begin


def main() -> None:
    """Measure, and print one line for each and one for the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=int, nargs=2, default=[100, 300])
    parser.add_argument("--side", type=int, default=513)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    few, many = options.images
    rates: dict[str, list[float]] = {"alone": [], "ray": []}
    starts: dict[str, list[float]] = {"alone": [], "ray": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = options.weights or folder / "weights.safetensors"
        if options.weights is None:
            save(weights, atrous.deeplabv3_mobilenet_v2(classes=21), labels=LabelSpace.unnamed(21), provenance={})
        for number in options.images:
            write_pictures(folder / str(number), number=number, side=options.side)
        for _ in range(options.rounds):
            for name, more in (("alone", ()), ("ray", ("--ray",))):
                short, long = (seconds(weights, folder / str(number), *more) for number in options.images)
                rates[name].append((long - short) / (many - few))
                starts[name].append(short - few * rates[name][-1])
    processors = len(os.sched_getaffinity(0))
    print(f"{few} and {many} JPEGs of {options.side}, {processors} processors, {options.rounds} rounds, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for name, values in rates.items():
        print(f"{name:6} {1000 * median(values):7.1f} ms a picture, {median(starts[name]):5.1f} s to start")
    ratios = [ray / alone for ray, alone in zip(rates["ray"], rates["alone"], strict=True)]
    print(f"ray / alone: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
