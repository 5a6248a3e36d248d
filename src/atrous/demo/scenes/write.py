"""Writing generated scenes as a data set that `atrous train` takes like any user's folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.demo.scenes.classes import SCENE_LABELS
from atrous.demo.scenes.scene import draw_scene
from atrous.files import atomic_path


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
        train: How many scenes to train on.
        val: How many to validate on.
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
