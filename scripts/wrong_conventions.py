"""What a photo's labels become when weights are run in other conventions than they were trained in.

    python scripts/wrong_conventions.py WEIGHTS IMAGE

Prints the share of pixels that keep their label, and the mean IoU of the classes that the photo has (background left
out) against the labels in the right conventions: for the whole photo, and without its last rows and columns, as a size
to which networks are rarely fitted. `docs/understand/conventions.md` shows the table.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from atrous.inference.predictor import Predictor
from atrous.model.build import build
from atrous.model.conventions import Conventions
from atrous.weights.archive import Archive
from atrous.weights.load import load

BACKGROUND = 0
IMAGENET = {"input_mean": (123.675, 116.28, 103.53), "input_std": (58.395, 57.12, 57.375)}
CHANGES = {
    "corners not aligned (PyTorch's default)": {"align_corners": False},
    "sizes not fitted to output stride * k + 1": {"fit": "none"},
    "neither, and padding on both sides": {"align_corners": False, "fit": "none", "conv_padding": "symmetric"},
    "ImageNet's mean and deviation in place of (x - 127.5) / 127.5": IMAGENET,
    "1e-5 for 1e-3 in the backbone's batch norms": {"backbone_epsilon": 1e-5},
}


def labels(weights: Archive, image: np.ndarray, conventions: Conventions) -> np.ndarray:
    """Labels `[h, w]` of an RGB image `[h, w, 3]` by the same tensors in the given conventions."""
    model = build(replace(weights.model.config, conventions=conventions))
    model.load_state_dict(weights.model.state_dict())
    return Predictor(replace(weights, model=model.eval()))(image).labels


def rows(weights: Archive, image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Name of every change, and the labels with it."""
    right = weights.model.config.conventions
    for name, change in CHANGES.items():
        yield name, labels(weights, image, replace(right, **change))
    yield "BGR in place of RGB", labels(weights, np.ascontiguousarray(image[..., ::-1]), right)
    yield "values 0..1 in place of 0..255", labels(weights, (image / 255).round().astype(np.uint8), right)


def compared(weights: Archive, image: np.ndarray) -> dict[str, str]:
    """Share of equal labels and mean IoU of every change, as the two cells of a row."""
    right = labels(weights, image, weights.model.config.conventions)
    present = [label for label in np.unique(right) if label != BACKGROUND]
    cells = {}
    for name, wrong in rows(weights, image):
        pairs = [(wrong == label, right == label) for label in present]
        ious = [(one & other).sum() / (one | other).sum() for one, other in pairs]
        cells[name] = f"{100 * (wrong == right).mean():.1f} % | {np.mean(ious):.3f}"
    return cells


def main() -> None:
    """Print the table."""
    path, picture = sys.argv[1:]
    weights, image = load(path), np.asarray(Image.open(picture).convert("RGB"))
    images = (image, image[:-17, :-7])
    heads = [f"{len(one)}x{one.shape[1]}: same labels | mean IoU" for one in images]
    whole, cut = (compared(weights, one) for one in images)
    print(f"| change | {' | '.join(heads)} |\n|---|---|---|---|---|")
    for name in whole:
        print(f"| {name} | {whole[name]} | {cut[name]} |")


if __name__ == "__main__":
    main()
