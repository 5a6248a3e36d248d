"""The loader alone: decode, scale, pad, crop to 513, flip, jitter, batch; against a plain torch DataLoader with Pillow.

    python benchmarks/loader.py [--rounds 5] [--workers 0] [--batches 8]

Prints a markdown table of images per second. Both loaders read the same JPEGs and PNGs (generated scenes of 375x500, as
large as PASCAL VOC's), take the same number of processes, decode every image anew (our cache is off) and end in batches
of eight uint8 crops. They take turns; figures are medians of the rounds.

* `papers`: random scale 0.5 to 2.0, pad, crop, flip.
* `everything`: also photometric jitter, brightness, contrast, saturation and hue.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch.utils.data import DataLoader, Dataset

from atrous.data.dataset import open_data
from atrous.data.loader import training_batches
from atrous.data.transforms.scale_crop import PAPER_SCALES
from atrous.demo.scenes import write_scenes
from atrous.model.conventions import Conventions
from atrous.model.presets import preset
from atrous.training.config import TrainConfig
from atrous.training.sampling import training_transforms

BATCH, CROP, IMAGES, SIZE, JITTER = 8, 513, 32, (375, 500), 0.2


class Plain(Dataset):
    """What one would write with Pillow."""

    def __init__(self, folder: Path, *, names: list[str], draws: int, jitter: bool) -> None:
        self.folder, self.names, self.draws, self.jitter = folder, names, draws, jitter

    def __len__(self) -> int:
        return self.draws

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        name, generator = self.names[index % len(self.names)], np.random.default_rng(index)
        image = Image.open(self.folder / "images" / f"{name}.jpg").convert("RGB")
        mask = Image.open(self.folder / "masks" / f"{name}.png")
        scale = generator.choice(PAPER_SCALES)
        size = (int(image.width * scale), int(image.height * scale))
        image, mask = image.resize(size, Image.Resampling.BILINEAR), mask.resize(size, Image.Resampling.NEAREST)
        missing = (0, 0, max(0, CROP - size[0]), max(0, CROP - size[1]))
        image, mask = ImageOps.expand(image, missing, fill=(128, 128, 128)), ImageOps.expand(mask, missing, fill=255)
        left, top = (int(generator.integers(side - CROP + 1)) for side in image.size)
        box = (left, top, left + CROP, top + CROP)
        image, mask = image.crop(box), mask.crop(box)
        if generator.random() < 0.5:
            image, mask = ImageOps.mirror(image), ImageOps.mirror(mask)
        if self.jitter:
            for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
                image = enhance(image).enhance(generator.uniform(1 - JITTER, 1 + JITTER))
            hue, saturation, value = image.convert("HSV").split()
            turned = np.asarray(hue) + np.uint8(int(generator.uniform(-JITTER, JITTER) / 10 * 255) % 256)
            image = Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")
        return torch.from_numpy(np.array(image)).permute(2, 0, 1), torch.from_numpy(np.array(mask))


def main() -> None:
    """Draw the pictures, let the loaders take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batches", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| work | ours | plain | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_scenes(folder, train=IMAGES, val=1, size=SIZE)
        data = open_data(folder, split="train")
        names = [pair.image.stem for pair in data.pairs]
        for work, jitter in (("papers", 0.0), ("everything", JITTER)):
            config = TrainConfig(model=preset("deeplabv3plus_mobilenet_v2"), crop=(CROP, CROP), jitter=jitter)
            transforms = training_transforms(config, Conventions(), space=data.labels)

            def ours() -> Iterator:
                stop, workers = options.batches, options.workers
                sizes = {"batch_size": BATCH, "start": 0, "stop": stop, "workers": workers}
                return training_batches(data, transforms, seed=0, **sizes)  # noqa: B023

            def plain() -> Iterator:
                draws = Plain(folder, names=names, draws=options.batches * BATCH, jitter=jitter > 0)  # noqa: B023
                return iter(DataLoader(draws, batch_size=BATCH, num_workers=options.workers))

            rates = [
                [_rate(loader, images=options.batches * BATCH) for loader in (ours, plain)]
                for _ in range(options.rounds)
            ]
            ours_rate, plain_rate = (statistics.median(values) for values in zip(*rates, strict=True))
            ratio = statistics.median(one / other for one, other in rates)
            print(f"| {work} | {ours_rate:.1f} | {plain_rate:.1f} | {ratio:.2f} |", flush=True)


def _rate(loader: Callable[[], Iterator], *, images: int) -> float:
    began = time.perf_counter()
    for _ in loader():
        pass
    return images / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
