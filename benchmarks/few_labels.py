"""What pictures without labels add to a few labelled ones, on a street of CamVid that training does not show.

    python benchmarks/few_labels.py teacher [--out runs/few_labels] [--seeds 0 1 2] [--iterations 200] [--crop 225]
    python benchmarks/few_labels.py rank ...

Training takes the sequences 0001TP and 0016E5 of CamVid's training split; validation the 101 frames of 0006R0.

* `teacher`: 60 evenly spaced frames have labels. `alone` is the recipe `finetune` on them. `taught` is the same number
  of steps of the same recipe with `--teacher` (the run `alone` of the same seed) and `--unlabelled` (the other frames).
* `rank`: 20 evenly spaced frames have labels. `ranked` adds the 20 that `atrous rank` puts first with the network
  trained on these, `random` 20 drawn by the seed; both are trained anew.

A command that was stopped goes on where it was. Prints a markdown table of the mean IoU at the last step.
"""

import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

SEEN, LEFT_OUT = ("0001TP", "0016E5"), "0006R0"


def frames(source: Path) -> tuple[list[str], list[str]]:
    """File names of the frames that training may show, and of those of the street that it does not."""
    names = sorted(path.name for path in (source / "train").iterdir())
    return [name for name in names if name.startswith(SEEN)], [name for name in names if name.startswith(LEFT_OUT)]


def evenly(names: list[str], count: int) -> list[str]:
    """`count` of the names, evenly spaced."""
    return [names[index * len(names) // count] for index in range(count)]


def write_data(folder: Path, *, source: Path, train: list[str], val: list[str]) -> Path:
    """A data set in CamVid's layout with these training and validation frames; one that is there is kept."""
    if folder.exists():
        return folder
    begun = folder.with_suffix(".part")
    shutil.rmtree(begun, ignore_errors=True)
    for split, names in (("train", train), ("val", val)):
        for part in (split, f"{split}annot"):
            (begun / part).mkdir(parents=True)
            for name in names:
                shutil.copyfile(source / part.replace("val", "train") / name, begun / part / name)
        root = "/SegNet/CamVid"
        lines = [f"{root}/{split}/{name} {root}/{split}annot/{name}" for name in names]
        (begun / f"{split}.txt").write_text("\n".join(lines) + "\n")
    begun.rename(folder)
    return folder


def write_pictures(folder: Path, *, source: Path, names: list[str]) -> Path:
    """A folder of frames without their labels; one that is there is kept."""
    if not folder.exists():
        begun = folder.with_suffix(".part")
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir(parents=True)
        for name in names:
            shutil.copyfile(source / "train" / name, begun / name)
        begun.rename(folder)
    return folder


def train(data: Path, run: Path, options: argparse.Namespace, seed: int, *more: object) -> float:
    """Mean IoU (0..1) on the left-out street after the last step."""
    steps, crop = options.iterations, options.crop
    fixed = ["--iterations", steps, "--validate-every", steps, "--crop", crop, crop, "--workers", 0, "--seed", seed]
    if score(run, steps) is None:
        command = [sys.executable, "-m", "atrous", "train", data, "--out", run, *fixed, *more]
        subprocess.run([str(word) for word in command], check=True)
    reached = score(run, steps)
    if reached is None:
        raise SystemExit(f"{run}: no validation at step {steps}")
    return reached


def score(run: Path, steps: int) -> float | None:
    """Mean IoU (0..1) of the validation after so many steps; None if there is none."""
    metrics = run / "metrics.jsonl"
    records = [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
    return next((record["miou"] for record in records if "miou" in record and record["iteration"] == steps), None)


def teacher(options: argparse.Namespace, source: Path, seed: int) -> dict[str, float]:
    """Scores of one seed: the recipe on 60 labelled frames, and the same with the other frames as unlabelled."""
    shown, left_out = frames(source)
    labelled = evenly(shown, 60)
    data = write_data(options.out / "camvid60", source=source, train=labelled, val=left_out)
    rest = write_pictures(options.out / "rest", source=source, names=[name for name in shown if name not in labelled])
    alone = options.out / f"alone-{seed}"
    first = train(data, alone, options, seed)
    taught = options.out / f"taught-{seed}"
    return {"alone": first, "taught": train(data, taught, options, seed, "--teacher", alone, "--unlabelled", rest)}


def rank(options: argparse.Namespace, source: Path, seed: int) -> dict[str, float]:
    """Scores of one seed: 20 frames, 20 and 20 that `atrous rank` chose, 20 and 20 at random."""
    shown, left_out = frames(source)
    first = evenly(shown, 20)
    rest = [name for name in shown if name not in first]
    data = write_data(options.out / "camvid20", source=source, train=first, val=left_out)
    pictures = write_pictures(options.out / "rest20", source=source, names=rest)
    start = options.out / f"twenty-{seed}"
    scores = {"20": train(data, start, options, seed)}
    order = options.out / f"rank-{seed}.csv"
    if not order.exists():
        command = [sys.executable, "-m", "atrous", "rank", start, pictures, "--out", order, "--count", "20"]
        subprocess.run([str(word) for word in command], check=True)
    with order.open(newline="") as file:
        ranked = [Path(row["picture"]).name for row in csv.DictReader(file)][:20]
    for kind, chosen in (("ranked", ranked), ("random", random.Random(seed).sample(rest, 20))):
        more = write_data(options.out / f"{kind}-data-{seed}", source=source, train=first + chosen, val=left_out)
        scores[f"20 + 20 {kind}"] = train(more, options.out / f"{kind}-{seed}", options, seed)
    return scores


def main() -> None:
    """Run the experiment for each seed and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=["teacher", "rank"])
    parser.add_argument("--out", type=Path, default=Path("runs/few_labels"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--crop", type=int, default=225)
    options = parser.parse_args()
    source = options.shared / "data" / "camvid"
    options.out.mkdir(parents=True, exist_ok=True)
    rows = {}
    for seed in options.seeds:
        rows[seed] = (teacher if options.experiment == "teacher" else rank)(options, source, seed)
        print(f"seed {seed}: " + ", ".join(f"{name} {score:.3f}" for name, score in rows[seed].items()), flush=True)
    names = list(rows[options.seeds[0]])
    print("| seed | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for seed, scores in rows.items():
        print(f"| {seed} | " + " | ".join(f"{score:.3f}" for score in scores.values()) + " |")
    means = [sum(row[name] for row in rows.values()) / len(rows) for name in names]
    print("| mean | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


if __name__ == "__main__":
    main()
