"""Drawing a scene from far to near, and writing scenes as a data set that `atrous train` takes like any folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.demo.scenes.canvas import Canvas
from atrous.demo.scenes.land import draw_field, draw_mountains, draw_sky, draw_water
from atrous.demo.scenes.scene_state import FIELD, MOODS, SCENE_LABELS, WATER, SceneState
from atrous.demo.scenes.texture import curve
from atrous.demo.scenes.things import draw_balloon, draw_boat, draw_house, draw_tree
from atrous.files import atomic_path

_BANDS = ((FIELD, WATER), (WATER, FIELD), (FIELD, WATER, FIELD), (WATER, FIELD, WATER), (WATER,), (FIELD,))
"""Orders of the classes of the land, from the horizon to the viewer."""


def draw_scene(
    size: tuple[int, int], generator: np.random.Generator
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """A picture and its mask.

    Args:
        size: Height and width, 32 or more.
        generator: Decides everything.
    """
    canvas = Canvas(*size)
    state = SceneState(
        canvas=canvas,
        mood=MOODS[generator.integers(len(MOODS))],
        horizon=canvas.height * generator.uniform(0.36, 0.58),
        generator=generator,
    )
    draw_sky(state)
    if generator.random() < 0.85:
        draw_mountains(state)
    _draw_land(state)
    _draw_things(state)
    for _ in range(generator.integers(0, 4)):
        height = canvas.height * generator.uniform(0.1, 0.36)
        base = height + (state.horizon - 0.7 * height) * generator.random()
        draw_balloon(state, canvas.width * generator.random(), base, height=height)
    grain = generator.normal(0, 3, (*size, 3)).astype(np.float32)
    return canvas.developed(exposure=generator.uniform(0.82, 1.1), grain=grain)


def write_scenes(
    folder: Path,
    *,
    train: int,
    val: int,
    size: tuple[int, int] = (192, 256),
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw scenes and write them as `images/*.jpg`, `masks/*.png`, `train.txt`, `val.txt` and `schema.toml`.

    Scene n of a seed is always the same, whatever the numbers; the training scenes come first.

    Args:
        folder: Where to; created if missing, files of the same names are replaced.
        train: Number of scenes to train on.
        val: Number of scenes to validate on.
        size: Height and width of each, 32 or more.
        seed: Another seed gives other scenes.
        on_progress: Called after each scene with the number done and the total.

    Raises:
        InputError: If the folder cannot be written to.
    """
    names = [f"scene{number:05d}" for number in range(train + val)]
    for number, name in enumerate(names):
        image, labels = draw_scene(size, np.random.default_rng((seed, number)))
        mask = Image.fromarray(labels)
        mask.putpalette(np.array(SCENE_LABELS.palette, np.uint8).tobytes())
        with atomic_path(folder / "images" / f"{name}.jpg") as path:
            Image.fromarray(image).save(path, quality=92)
        with atomic_path(folder / "masks" / f"{name}.png") as path:
            mask.save(path)
        if on_progress:
            on_progress(number + 1, len(names))
    for split, listed in (("train", names[:train]), ("val", names[train:])):
        with atomic_path(folder / f"{split}.txt") as path:
            path.write_text("".join(f"{name}\n" for name in listed))
    write_schema(folder / SCHEMA_FILE, Schema(SCENE_LABELS))


def _draw_land(state: SceneState) -> None:
    canvas, dice = state.canvas, state.generator
    bands = _BANDS[dice.integers(len(_BANDS))]
    edges = np.sort(dice.uniform(0.12, 0.85, len(bands) - 1))
    for band, edge in zip(bands, [0.0, *edges], strict=True):
        extent = canvas.height - state.horizon
        level = band == WATER and edge == 0  # the far shore of a lake
        sway = 0.0 if level else extent * (0.02 + 0.25 * edge)
        patch = canvas.below(
            state.horizon + extent * edge + sway * (curve(dice, canvas.width, cell=canvas.width / 2, octaves=3) - 0.5)
        )
        if band == WATER:
            draw_water(state, patch)
        else:
            draw_field(state, patch)


def _draw_things(state: SceneState) -> None:
    """Houses and trees on the fields, boats on the water, smaller the nearer to the horizon."""
    canvas, dice = state.canvas, state.generator
    ground = canvas.labels.copy()
    boats = 0
    for depth in np.sort(dice.uniform(0.02, 0.95, dice.integers(10, 22))):
        x, base = canvas.width * dice.random(), state.horizon + (canvas.height - state.horizon) * depth
        height = canvas.height * (0.07 + 0.42 * depth) * dice.uniform(0.7, 1.3)
        beneath = _beneath(ground, x=x, base=base, half_width=0.4 * height)
        if (beneath == WATER).all() and boats < 6:
            boats += 1
            draw_boat(state, x, base, height=height)
        elif (beneath == FIELD).all() and dice.random() < 0.4:
            draw_house(state, x, base, height=height * 0.9)
        elif (beneath == FIELD).all():
            draw_tree(state, x, base, height=height * 1.2)


def _beneath(ground: np.ndarray, *, x: float, base: float, half_width: float) -> np.ndarray:
    """The land along the foot of a thing."""
    columns = np.clip(np.linspace(x - half_width, x + half_width, 5), 0, ground.shape[1] - 1).astype(int)
    return ground[min(int(base), len(ground) - 1), columns]
