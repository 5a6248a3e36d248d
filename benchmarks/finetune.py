"""What `atrous train DATA --out RUN`, and nothing else, makes of small data sets, and how long it takes.

    python benchmarks/finetune.py [--out runs/finetune] [--shared ../shared] [--only scenes tissue plates camvid]

Prints a markdown table. Nothing but the defaults is used: recipe `finetune`, 60 training images each.

* `scenes`: the generated landscapes of `atrous demo`, 192x256, classes that share their colours.
* `tissue`: generated microscope pictures (`benchmarks/tissue.py`), 240x320, kinds of cells that share one stain.
* `plates`: generated concrete (`benchmarks/plates.py`), 208x272, 0.7 % cracks of two pixels, 0.1 % pits of five.
* `camvid`: every sixth image of CamVid's training split, 360x480; validated on all of `val`.

`colours` is a per-pixel colour classifier that has counted every labelled pixel of the same training images
(`demo/color_classifier.py`); `minutes` is the wall time of the whole command, `cores` how many it kept busy.
A run that was interrupted goes on; its minutes are then those of the last part, which the table says.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from plates import write_plates
from tissue import write_tissue

from atrous.data.dataset import open_data
from atrous.demo.color_classifier import ColorClassifier
from atrous.demo.scenes import write_scenes
from atrous.evaluation.confusion import ConfusionMatrix
from atrous.evaluation.metrics import miou

TRAIN, VAL = 60, 40


def write_camvid(folder: Path, *, source: Path) -> None:
    """A copy of CamVid's training images, every sixth, and of its validation split."""
    for split, step in (("train", 6), ("val", 1)):
        lines = (source / f"{split}.txt").read_text().splitlines()
        stems = [Path(line.split()[0]).name for line in lines][::step][: TRAIN if step > 1 else None]
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            for name in stems:
                shutil.copyfile(source / part / name, folder / part / name)
        root = "/SegNet/CamVid"
        listed = [f"{root}/{split}/{name} {root}/{split}annot/{name}" for name in stems]
        (folder / f"{split}.txt").write_text("\n".join(listed) + "\n")


def colors_alone(folder: Path) -> float:
    """MIoU (0..1) of the colour classifier on the validation split."""
    data, validation = open_data(folder, split="train"), open_data(folder, split="val")
    classifier, confusion = ColorClassifier.fit(data), ConfusionMatrix(len(data.labels))
    for index in range(len(validation)):
        sample = validation[index]
        confusion.update(classifier.predict(sample.image), sample.labels, ignore=data.labels.ignore)
    return miou(confusion.matrix)


def main() -> None:
    """Write the data sets, train on each, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/finetune"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", nargs="*", default=["scenes", "tissue", "plates", "camvid"])
    options = parser.parse_args()
    writers: dict[str, Callable[[Path], None]] = {
        "scenes": lambda folder: write_scenes(folder, train=TRAIN, val=VAL),
        "tissue": lambda folder: write_tissue(folder, train=TRAIN, val=VAL),
        "plates": lambda folder: write_plates(folder, train=TRAIN, val=VAL),
        "camvid": lambda folder: write_camvid(folder, source=options.shared / "data" / "camvid"),
    }
    print("| data | images | steps | colours | mIoU | minutes | cores |\n|---|---|---|---|---|---|---|", flush=True)
    for name in options.only:
        data, run = options.out / name, options.out / f"{name}-run"
        if not data.exists():
            writers[name](data)
        goes_on = (run / "state.safetensors").exists()
        began, before = time.monotonic(), _cpu_seconds()
        subprocess.run([sys.executable, "-m", "atrous.cli.main", "train", data, "--out", run], check=True)
        seconds, busy = time.monotonic() - began, _cpu_seconds() - before
        records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        score = next(record["miou"] for record in reversed(records) if "miou" in record)
        images = len(open_data(data, split="train"))
        print(
            f"| {name} | {images} | {records[-1]['iteration']} | {colors_alone(data):.3f} | {score:.3f} | "
            f"{seconds / 60:.1f}{' (went on)' * goes_on} | {busy / seconds:.2f} of {len(os.sched_getaffinity(0))} |",
            flush=True,
        )


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
