"""Cost of every preset on a processor: parameters, size of the weights, time of one picture from pixels to labels.

    python benchmarks/which_model.py [PRESET ...] [--size 513] [--rounds 5] [--threads 1 2]

Weights are random, which neither size nor time depends on. Presets take turns, `atrous.Predictor` computes, and figures
are medians of wall time; prints markdown. What a preset scores is in `docs/results.md`.
"""

import argparse
import os
import time
from functools import partial

import numpy as np
import torch
from timing import in_turns

import atrous
from atrous.inference.predictor import Predictor
from atrous.model.build import build
from atrous.model.presets import preset

CHOICES = (
    "lraspp_mobilenet_v3_small",
    "lraspp_mobilenet_v3_large",
    "deeplabv3_mobilenet_v2",
    "deeplabv3plus_mobilenet_v2",
    "deeplabv3plus_mobilenet_v3",
    "deeplabv3plus_efficientnet_lite0",
    "deeplabv3plus_resnet50",
    "deeplabv3plus_resnet101",
    "deeplabv3plus_xception65",
)


def main() -> None:
    """Print a row for every preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET", default=[*CHOICES])
    parser.add_argument("--size", type=int, default=513)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    image = np.random.default_rng(0).integers(0, 256, (options.size, options.size, 3), dtype=np.uint8)
    models = {name: build(preset(name)).eval() for name in options.presets}
    predictors = {name: Predictor(model) for name, model in models.items()}
    times = {}
    for threads in options.threads:
        torch.set_num_threads(threads)
        calls = {name: partial(predictor, image) for name, predictor in predictors.items()}
        times[threads] = in_turns(calls, rounds=options.rounds, clock=time.perf_counter)
    machine = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    print(f"atrous {atrous.__version__}, torch {torch.__version__}, {machine}\n")
    heads = [f"{options.size} pixels, {threads} thread{'s' * (threads > 1)}, ms" for threads in options.threads]
    print(f"| preset | parameters | file, half precision | {' | '.join(heads)} |\n|---|---|---|{'---|' * len(heads)}")
    for name, model in models.items():
        parameters = sum(parameter.numel() for parameter in model.parameters())
        shown = " | ".join(f"{1000 * times[threads][name]:.0f}" for threads in options.threads)
        print(f"| `{name}` | {parameters / 1e6:.2f} M | {2 * parameters / 1e6:.1f} MB | {shown} |", flush=True)


if __name__ == "__main__":
    main()
