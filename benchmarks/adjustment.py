"""One trained network with other shares of its class weights taken out of the logits (`--logit-adjustment`).

    python benchmarks/adjustment.py RUN DATA [--shares 0 0.25 0.5 0.75 1] [--split train] [--step 1]

RUN is a run folder or its archive, trained with a class balance on a split of DATA; its own share is added back first.
Every image of `val` (with `--step 2` every second) is predicted at its own size. Prints a markdown table: mIoU, and of
the classes without the largest one IoU, recall and the ratio of the painted area to the true one.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from atrous.data.class_weights import balanced_weights
from atrous.data.dataset import open_data
from atrous.evaluation.confusion import ConfusionMatrix
from atrous.inference.predictor import Predictor
from atrous.training.logit_adjustment import lower_logits
from atrous.training.sampling import class_counts
from atrous.weights.load import load


def main() -> None:
    """Evaluate with each share, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.25, 0.5, 0.75, 1])
    parser.add_argument("--split", default="train")
    parser.add_argument("--step", type=int, default=1)
    options = parser.parse_args()
    archive = load(options.run)
    settings = archive.provenance["training"]
    if not settings["loss"]["class_balance"]:
        raise SystemExit(f"{options.run} was trained without a class balance; there is nothing to take back")
    training = open_data(options.data, split=options.split)
    if archive.provenance["trained_on"] != json.loads(json.dumps(training.describe())):
        raise SystemExit(f"{options.run} was trained on {archive.provenance['trained_on']}; give it and its --split")
    counts = class_counts(training).sum(axis=0)
    weights = torch.tensor(balanced_weights(counts, exponent=settings["loss"]["class_balance"])).float()
    logarithms = weights.where(weights > 0, 1).log()
    validation = open_data(options.data, split="val")
    names, largest = validation.labels.names, int(counts.argmax())
    small = [number for number in range(len(names)) if number != largest]
    lower_logits(archive.model, -settings.get("logit_adjustment", 0.0) * logarithms)
    print(
        "| share | mIoU | " + " | ".join(f"{names[number]}: IoU, recall, area / true area" for number in small) + " |"
    )
    print("|---" * (2 + len(small)) + "|", flush=True)
    taken = 0.0
    for share in options.shares:
        lower_logits(archive.model, (share - taken) * logarithms)
        taken = share
        predictor = Predictor(archive.model, labels=archive.labels, device=torch.device("cpu"))
        confusion = ConfusionMatrix(len(names))
        for index in range(0, len(validation), options.step):
            sample = validation[index]
            confusion.update(predictor(sample.image).labels, sample.labels, ignore=validation.labels.ignore)
        matrix = confusion.matrix.astype(float)  # rows are the truth
        hit, true, painted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
        shown = (true + painted) > 0
        ious, true = hit / np.where(shown, true + painted - hit, 1), np.maximum(true, 1)
        cells = [
            f"{ious[number]:.3f}, {hit[number] / true[number]:.2f}, {painted[number] / true[number]:.2f}"
            for number in small
        ]
        print(f"| {share:g} | {ious[shown].mean():.3f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
