"""Scales and flip against the sum of their parts: one prediction at several scales, and one at each of these sizes.

    python benchmarks/multiscale.py [--rounds 5] [--threads 1] [--shared ../shared]

Prints a markdown table. The parts are predictions at a single scale of the picture enlarged or reduced beforehand, once
or, with flip, twice, each up to its own label map. Both take turns; with one thread the clock is processor time.

* `ratio`: all in one, against the sum of the parts.
* `labels`: milliseconds from the coarse logits of all views to the label map, compiled and by torch.
* `open`: share of pixels whose label took probabilities.
* `off`: pixels that differ from the argmax in float64.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

import atrous
from atrous.data.formats.images import read_image
from atrous.inference.multiscale import augmented_logits, scaled_size
from atrous.model.build import build
from atrous.model.deeplab import DeepLab
from atrous.model.presets import preset
from atrous.ops.label_map.augmented_logits import AugmentedLogits, mean_bands, mean_probabilities
from atrous.ops.label_map.mean_argmax import mean_argmax
from atrous.ops.label_map.mean_argmax_cpu import _common_winner, _maps, _stacked
from atrous.weights.archive import Archive

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
CAMVID = Path(__file__).parents[1] / "models" / "deeplabv3plus_mobilenet_v2_camvid.safetensors"


def main() -> None:
    """Run the contenders in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    frame = read_image(sorted((options.shared / "data/camvid/val").glob("*.png"))[0])
    photo = read_image(options.shared / "images" / "segmentation_input_rotation0.jpg")
    camvid, resnet = atrous.load(CAMVID), build(preset("deeplabv3_resnet50")).eval()
    rows = [
        ("CamVid model, frame 360x480", camvid, frame),
        ("CamVid model, frame 1024x2048", camvid, resized(frame, (1024, 2048))),
        ("ResNet-50, 21 classes, fresh, photo 257x257", resnet, resized(photo, (257, 257))),
    ]
    print(f"torch {torch.__version__}, {options.threads} thread(s), load {os.getloadavg()[0]:.1f}\n")
    print(
        "| network, picture | flip | ratio | labels, compiled | by torch | open | off |\n|---|---|---|---|---|---|---|"
    )
    for name, weights, picture in rows:
        for flip in (False, True):
            cells = row(weights, picture, flip=flip, rounds=options.rounds, clock=clock)
            print(f"| {name} | {'yes' if flip else 'no'} | {cells} |", flush=True)


def row(weights: Archive | DeepLab, picture: np.ndarray, *, flip: bool, rounds: int, clock: Callable[[], float]) -> str:
    """The cells of a row after its names."""
    whole = atrous.Predictor(weights, scales=SCALES, flip=flip)
    single = atrous.Predictor(weights)
    parts = [resized(picture, scaled_size(picture.shape[:2], scale)) for scale in SCALES] * (1 + flip)

    def in_parts() -> None:
        for part in parts:
            single(part)

    images = torch.from_numpy(picture).permute(2, 0, 1)[None]
    with torch.inference_mode():
        seen = augmented_logits(single.model, images, scales=SCALES, flip=flip)
        contenders = (lambda: whole(picture), in_parts, lambda: mean_argmax(seen), lambda: by_torch(seen))
        for contender in contenders:
            contender()
        times = [[seconds(contender, clock) for contender in contenders] for _ in range(rounds)]
    ratio = median(one / other for one, other, *_ in times)
    ours, usual = (median(column) * 1000 for column in list(zip(*times, strict=True))[2:])
    expected = sum(double(view).probabilities(slice(None)) for view in seen).argmax(1)
    off = int((mean_argmax(seen) != expected).sum())
    return f"{ratio:.2f} | {ours:.0f} ms | {usual:.0f} ms | {undecided(seen):.1%} | {off}"


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.array(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR))


def by_torch(seen: list[AugmentedLogits]) -> list[torch.Tensor]:
    return [mean_probabilities(seen, band).argmax(dim=1) for band in mean_bands(seen)]


def double(view: AugmentedLogits) -> AugmentedLogits:
    rows, columns = (type(axis)(axis.first, axis.second, axis.weight.double()) for axis in (view.rows, view.columns))
    return AugmentedLogits(view.logits.double(), rows, columns)


def undecided(seen: list[AugmentedLogits]) -> float:
    maps = _maps([view.logits[0] for view in seen])
    rows, columns = _stacked([view.rows for view in seen]), _stacked([view.columns for view in seen])
    agreed = torch.empty(columns.weight.shape[1], dtype=torch.int32).numpy()
    height, left = rows.weight.shape[1], 0
    for y in range(height):
        _common_winner(maps, rows.first[:, y], rows.second[:, y], columns, agreed)
        left += int((agreed < 0).sum())
    return left / (height * len(agreed))


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began


if __name__ == "__main__":
    main()
