"""Mean IoU of weights on pictures of other light and other cameras, made of those of a validation split.

    python benchmarks/changed_pictures.py DATA WEIGHTS ... [--split val] [--step 4]

Every fourth picture (`--step`), at its own size, single scale, the output stride of the weights. Prints a markdown
table; the changes are defined in `CHANGES`, noise follows from the number of the picture.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from atrous.data.dataset import open_data
from atrous.evaluation.confusion import ConfusionMatrix
from atrous.evaluation.metrics import miou
from atrous.inference.predictor import Predictor
from atrous.weights.load import load

Change = Callable[[np.ndarray, int], np.ndarray]
"""Takes a picture of 0..255 as floats `[h, w, 3]` and its number."""


def blurred(picture: np.ndarray, _: int) -> np.ndarray:
    """A Gaussian blur with a standard deviation of 1.5 pixels."""
    image = Image.fromarray(picture.round().astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), np.float64)


CHANGES: Mapping[str, Change] = {
    "none": lambda picture, _: picture,
    "gamma 2 (dark)": lambda picture, _: 255 * (picture / 255) ** 2,
    "gamma 0.5 (bright)": lambda picture, _: 255 * (picture / 255) ** 0.5,
    "red 1.2, blue 0.8": lambda picture, _: picture * (1.2, 1.0, 0.8),
    "grey": lambda picture, _: np.repeat(picture @ np.array([[0.299], [0.587], [0.114]]), 3, axis=2),
    "blurred, sigma 1.5": blurred,
    "noise, sigma 15": lambda picture, seed: picture + np.random.default_rng(seed).normal(0, 15, picture.shape),
    "contrast 0.5": lambda picture, _: picture.mean() + 0.5 * (picture - picture.mean()),
}


def main() -> None:
    """Evaluate each file of weights on each change, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--split", default="val")
    parser.add_argument("--step", type=int, default=4)
    options = parser.parse_args()
    data = open_data(options.data, split=options.split)
    archives = [load(name) for name in options.weights]
    predictors = [Predictor(one.model, labels=one.labels, device=torch.device("cpu")) for one in archives]
    print(f"| change of the pictures | {' | '.join(options.weights)} |")
    print("|---" * (1 + len(predictors)) + "|", flush=True)
    for name, change in CHANGES.items():
        matrices = [ConfusionMatrix(len(data.labels)) for _ in predictors]
        for index in range(0, len(data), options.step):
            sample = data[index]
            picture = change(sample.image.astype(np.float64), index).clip(0, 255).round().astype(np.uint8)
            for predictor, matrix in zip(predictors, matrices, strict=True):
                matrix.update(predictor(picture).labels, sample.labels, ignore=data.labels.ignore)
        print(f"| {name} | {' | '.join(f'{miou(matrix.matrix):.3f}' for matrix in matrices)} |", flush=True)


if __name__ == "__main__":
    main()
