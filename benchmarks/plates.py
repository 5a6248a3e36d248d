"""Generated pictures of concrete plates with cracks of two pixels and pits of five: thin, small and rare.

Stains, scratches without a label and the grain of the surface have the same greys, so that colour alone finds neither.
"""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from tissue import smooth_noise, write_pictures

from atrous.labels import LabelSpace

PLATES = LabelSpace(names=("concrete", "crack", "pit"), palette=((190, 190, 185), (200, 40, 40), (40, 80, 200)))
_CONCRETE, _CRACK, _PIT = range(3)


def write_plates(folder: Path, *, train: int, val: int, size: tuple[int, int] = (208, 272), seed: int = 0) -> None:
    """Write pictures and masks in the layout that `atrous train` takes, as `write_tissue` does."""
    write_pictures(folder, draw_plate, PLATES, name="plate", train=train, val=val, size=size, seed=seed)


def draw_plate(size: tuple[int, int], generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One picture `[h, w, 3]` and its class ids `[h, w]`, both uint8."""
    height, width = size
    labels = Image.new("L", (width, height), _CONCRETE)
    dark = Image.new("L", (width, height), 0)
    for _ in range(generator.integers(0, 3)):  # wide and smooth: a stain
        x, y = generator.uniform((0, 0), (width, height))
        radius = generator.uniform(12, 30)
        ImageDraw.Draw(dark).ellipse((x - radius, y - radius / 2, x + radius, y + radius / 2), fill=70)
    dark = dark.filter(ImageFilter.GaussianBlur(6))
    for _ in range(generator.integers(0, 3)):  # straight and long: a scratch, which is no crack
        start, turn = generator.uniform((0, 0), (width, height)), generator.uniform(0, math.pi)
        end = start + 300 * np.array((math.cos(turn), math.sin(turn)))
        ImageDraw.Draw(dark).line([*map(float, start), *map(float, end)], fill=80, width=2)
    for _ in range(generator.integers(1, 4)):
        line = _crack(size, generator)
        ImageDraw.Draw(labels).line(line, fill=_CRACK, width=2)
        ImageDraw.Draw(dark).line(line, fill=int(generator.integers(70, 140)), width=2)
    for _ in range(generator.integers(1, 7)):
        x, y = (float(value) for value in generator.uniform((4, 4), (width - 4, height - 4)))
        ImageDraw.Draw(labels).ellipse((x - 2, y - 2, x + 2, y + 2), fill=_PIT)
        ImageDraw.Draw(dark).ellipse((x - 2, y - 2, x + 2, y + 2), fill=int(generator.integers(80, 150)))
    shade = np.array(dark.filter(ImageFilter.GaussianBlur(0.7)), np.float64)
    surface = (
        165 + 10 * smooth_noise(size, generator, blur=8) + 9 * smooth_noise(size, generator, blur=1.2) - 0.8 * shade
    )
    tint = generator.uniform(0.92, 1.08, size=3) * generator.uniform(0.8, 1.2)
    image = surface[..., None] * tint + generator.normal(0, 4, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8), np.array(labels)


def _crack(size: tuple[int, int], generator: np.random.Generator) -> list[tuple[float, float]]:
    """A line that wanders: steps of six pixels, each turned a little."""
    place = generator.uniform((0, 0), (size[1], size[0]))
    turn, points = generator.uniform(0, 2 * math.pi), []
    for _ in range(generator.integers(8, 40)):
        points.append((float(place[0]), float(place[1])))
        turn += generator.normal(0, 0.45)
        place = place + 6 * np.array((math.cos(turn), math.sin(turn)))
    return points
