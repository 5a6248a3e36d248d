"""Generated microscope pictures of stained tissue: kinds of cells that share one stain and differ in shape and grain.

Of another nature than the scenes of `atrous demo`: no up or down, small objects everywhere, two dyes for colours.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.files import atomic_path
from atrous.labels import LabelSpace

TISSUE = LabelSpace(
    names=("stroma", "lymphocyte", "epithelium", "fibroblast", "fat"),
    palette=((232, 180, 205), (60, 40, 140), (150, 60, 170), (40, 150, 160), (250, 240, 150)),
)
_STROMA, _LYMPHOCYTE, _EPITHELIUM, _FIBROBLAST, _FAT = range(5)
_SHAPES = {  # half axes in pixels, least and most; how many of them in a picture of 240 x 320
    _FAT: ((18, 34), (16, 30), (2, 5)),
    _EPITHELIUM: ((10, 14), (8, 11), (10, 22)),
    _FIBROBLAST: ((14, 24), (2.5, 4), (10, 22)),
    _LYMPHOCYTE: ((4.5, 6.5), (4.5, 6), (18, 40)),
}


def write_tissue(folder: Path, *, train: int, val: int, size: tuple[int, int] = (240, 320), seed: int = 0) -> None:
    """Write pictures and masks in the layout that `atrous train` takes; see `write_pictures`."""
    write_pictures(folder, draw_tissue, TISSUE, name="tissue", train=train, val=val, size=size, seed=seed)


def write_pictures(
    folder: Path,
    draw: Callable[[tuple[int, int], np.random.Generator], tuple[np.ndarray, np.ndarray]],
    space: LabelSpace,
    *,
    name: str,
    train: int,
    val: int,
    size: tuple[int, int],
    seed: int,
) -> None:
    """Write drawn pictures and their masks in the layout that `atrous train` takes.

    Args:
        folder: Where to; created if missing.
        draw: Draws a picture `[h, w, 3]` and its class ids `[h, w]`.
        space: The classes.
        name: First part of the names of the files.
        train: Pictures to train on.
        val: Pictures to validate on.
        size: (height, width) of each in pixels.
        seed: Another seed gives other pictures.
    """
    names = [f"{name}{number:04d}" for number in range(train + val)]
    for number, stem in enumerate(names):
        image, labels = draw(size, np.random.default_rng((seed, number)))
        mask = Image.fromarray(labels)
        mask.putpalette(np.array(space.palette, np.uint8).tobytes())
        with atomic_path(folder / "images" / f"{stem}.jpg") as path:
            Image.fromarray(image).save(path, quality=92)
        with atomic_path(folder / "masks" / f"{stem}.png") as path:
            mask.save(path)
    for split, listed in (("train", names[:train]), ("val", names[train:])):
        with atomic_path(folder / f"{split}.txt") as path:
            path.write_text("".join(f"{stem}\n" for stem in listed))
    write_schema(folder / SCHEMA_FILE, Schema(space))


def draw_tissue(size: tuple[int, int], generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One picture `[h, w, 3]` and its class ids `[h, w]`, both uint8."""
    height, width = size
    labels = Image.new("L", (width, height), _STROMA)
    stain = Image.new("L", (width, height), 0)
    for kind, (longer, shorter, count) in _SHAPES.items():
        for _ in range(generator.integers(*count, endpoint=True) * height * width // (240 * 320)):
            place = generator.uniform((0, 0), (width, height))
            outline = _ellipse(place, generator.uniform(*longer), generator.uniform(*shorter), generator)
            ImageDraw.Draw(labels).polygon(outline, fill=kind)
            ImageDraw.Draw(stain).polygon(outline, fill=0 if kind == _FAT else int(generator.integers(120, 200)))
    ids = np.array(labels)
    grain = {kind: smooth_noise(size, generator, blur=blur) for kind, blur in ((_STROMA, 6), (_EPITHELIUM, 1.5))}
    blue = np.array(stain.filter(ImageFilter.GaussianBlur(0.8)), np.float64) / 255
    blue *= np.where(ids == _EPITHELIUM, 1 + 0.5 * grain[_EPITHELIUM], 1)
    blue += np.where(ids == _STROMA, 0.25 * np.clip(grain[_STROMA], 0, None), 0)  # smears of the cells' own dye
    pink = np.where(ids == _FAT, 0.04, 0.35 + 0.12 * grain[_STROMA] + 0.06 * smooth_noise(size, generator, blur=1))
    strength = generator.uniform(0.75, 1.25, size=2)  # no two laboratories stain alike
    absorbed = strength[0] * blue[..., None] * (1.1, 1.3, 0.45) + strength[1] * pink[..., None] * (0.15, 1.0, 0.5)
    image = 245 * np.exp(-absorbed) + generator.normal(0, 3, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8), ids


def _ellipse(
    place: np.ndarray, longer: float, shorter: float, generator: np.random.Generator
) -> list[tuple[float, float]]:
    """An outline that is not quite round, turned at random."""
    turn, wobble, phase = generator.uniform(0, math.pi), generator.uniform(0.02, 0.1), generator.uniform(0, 6.28)
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    radius = 1 + wobble * np.sin(3 * angles + phase)
    x, y = longer * radius * np.cos(angles), shorter * radius * np.sin(angles)
    turned = np.stack([x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)], axis=1)
    return [(float(one), float(two)) for one, two in turned + place]


def smooth_noise(size: tuple[int, int], generator: np.random.Generator, *, blur: float) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation 1."""
    grey = Image.fromarray(generator.integers(0, 256, size, dtype=np.uint8)).filter(ImageFilter.GaussianBlur(blur))
    values = np.array(grey, np.float64)
    return (values - values.mean()) / max(values.std(), 1e-9)
