"""The mean IoU on streets of CamVid that training does not show: three trainings, each without one part of `train`.

    python benchmarks/streets.py NAME [--out runs/streets] [--data ../shared/data/camvid] [--seeds 0] [-- OPTIONS]

NAME names the runs of these OPTIONS of `atrous train`; the same command goes on where it was stopped. The parts are the
sequences 0001TP (62 frames) and 0006R0 (101), and the second half of 0016E5 (102 frames; the first half of that drive
is trained on). Each training shows the other frames of the 367 and none of `val`. Single scale, output stride of the
recipe, every frame at its own size, weights of the last step; a class that neither truth nor prediction of a part shows
does not count there. Prints a markdown table.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from few_labels import score, write_data

STREETS = ("0001TP", "0006R0", "0016E5b")
"""Parts that are left out; the last one is the second half of 0016E5."""


def split(source: Path, street: str) -> tuple[list[str], list[str]]:
    """File names of the frames to train on, and of those of the left-out part."""
    names = sorted(path.name for path in (source / "train").iterdir())
    left_out = [name for name in names if name.startswith(street[:6])]
    if street.endswith("b"):
        left_out = left_out[len(left_out) // 2 :]
    return [name for name in names if name not in left_out], left_out


def train(data: Path, run: Path, words: list[str]) -> float:
    """Train, go on, or do nothing where all steps are done; other options in the same folder are refused.

    Returns:
        Mean IoU (0..1) after the last step.
    """
    command = [sys.executable, "-m", "atrous", "train", str(data), "--recipe", "camvid", "--out", str(run), *words]
    if code := subprocess.run(command, check=False).returncode:
        raise SystemExit(code)
    last = json.loads((run / "config.json").read_text())["training"]["iterations"]
    reached = score(run, last)
    if reached is None:
        raise SystemExit(f"{run}: no validation at step {last}")
    return reached


def main() -> None:
    """Train without each part, with each seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, default=Path("runs/streets"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/camvid"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    own, words = sys.argv[1:], []
    if "--" in own:
        own, words = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    (options.out / "data").mkdir(parents=True, exist_ok=True)
    rows = {}
    for seed in options.seeds:
        scores = []
        for street in STREETS:
            shown, left_out = split(options.data, street)
            data = write_data(options.out / "data" / street, source=options.data, train=shown, val=left_out)
            run = options.out / f"{options.name}-{street}-{seed}"
            scores.append(train(data, run, [*words, "--seed", str(seed)]))
            print(f"{run.name}: {scores[-1]:.3f}", flush=True)
        rows[seed] = [*scores, sum(scores) / len(scores)]
    print(f"| {options.name}, seed | " + " | ".join(STREETS) + " | mean |\n|---|" + "---|" * (len(STREETS) + 1))
    for seed, figures in rows.items():
        print(f"| {seed} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
    columns = zip(*rows.values(), strict=True)
    print("| mean | " + " | ".join(f"{sum(column) / len(column):.3f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
