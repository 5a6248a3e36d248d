"""The ground of a scene: sky, mountains, fields, water."""

import numpy as np

from atrous.demo.scenes.canvas import Patch
from atrous.demo.scenes.scene_state import FIELD, MOUNTAIN, SKY, WATER, SceneState
from atrous.demo.scenes.texture import curve, mix, noise, rgb

_WHITE = rgb(255, 252, 245)


def draw_sky(state: SceneState) -> None:
    """A gradient, soft clouds, and a sun or moon with its glow."""
    canvas, dice = state.canvas, state.generator
    zenith, low = state.mood.zenith, state.mood.horizon
    patch = canvas.below(np.zeros(canvas.width))
    color = mix(zenith, low, np.clip(patch.y / state.horizon, 0, 1)[..., None] ** 1.3)
    size = canvas.height * dice.uniform(0.02, 0.07)
    away = np.hypot(patch.x - canvas.width * dice.random(), patch.y - state.horizon * dice.uniform(0.2, 0.9))
    shine = np.maximum(np.clip(size - away + 0.5, 0, 1), 0.55 * np.exp(-away / (4 * size)))
    color = mix(color, mix(low, _WHITE, 0.75), shine[..., None])
    cell = (canvas.height * dice.uniform(0.06, 0.14), canvas.height * dice.uniform(0.3, 0.6))
    puffs = noise(dice, (canvas.height, canvas.width), cell=cell, octaves=4)
    cover = np.clip((puffs - dice.uniform(0.45, 0.75)) * 2.5, 0, 0.85)[..., None]
    canvas.paint(patch, mix(color, mix(low, _WHITE, 0.5), cover), label=SKY)


def draw_mountains(state: SceneState) -> None:
    """Ridges from far to near, with gullies running down both ways and sometimes snow."""
    canvas, dice = state.canvas, state.generator
    layers, snowy = int(dice.integers(1, 4)), dice.random() < 0.5
    for near in np.linspace(1 / layers, 1, layers).tolist():  # from far to near
        rise = canvas.height * dice.uniform(0.1, 0.34) * (1.2 - 0.6 * near)
        peaks = curve(dice, canvas.width, cell=canvas.height * dice.uniform(0.25, 0.6), octaves=5)
        patch = canvas.below(state.horizon - rise * np.clip(1.3 * peaks - 0.14, 0.05, None))
        depth = patch.y - (patch.y[-1] - patch.inside.sum(axis=0) + 1)
        folds = _folds(patch.x, depth, cell=canvas.height * 0.03, generator=dice)[..., None]
        color = state.tone(distance=0.65 - 0.4 * near) * (0.68 + 0.64 * folds)
        if snowy:
            snow = state.lit(rgb(244, 247, 252), distance=0.2) * (0.82 + 0.25 * folds)
            color = np.where(depth[..., None] < rise * (0.1 + 0.5 * folds), snow, color)
        canvas.paint(patch, color, label=MOUNTAIN)


def draw_field(state: SceneState, patch: Patch) -> None:
    """Crop rows that meet at the horizon, or a meadow in patches; blades that grow towards the viewer."""
    canvas, dice, shape = state.canvas, state.generator, patch.inside.shape
    near = state.nearness(patch.y)
    if dice.random() < 0.5:
        across = (patch.x - canvas.width * dice.uniform(-0.2, 1.2)) / (near * canvas.height)
        rows = np.sin(across * dice.uniform(18, 30) + 3 * noise(dice, shape, cell=(20.0, 20.0)))
        share = 0.5 + 0.5 * rows * np.clip(near * 5, 0, 1)
    else:
        cell = (canvas.height * 0.05, canvas.height * 0.15)
        share = np.clip(3 * noise(dice, shape, cell=cell, octaves=4) - 1, 0, 1)
    first, second = state.tone(), state.tone()
    blades = mix(noise(dice, shape, cell=(5.0, 2.0), octaves=2), noise(dice, shape, cell=(14.0, 4.0), octaves=2), near)
    color = mix(first, second, 0.6 * share[..., None]) * (0.7 + 0.6 * blades)[..., None]
    canvas.paint(patch, mix(color, state.mood.horizon, 0.5 * (1 - near[..., None]) ** 4), label=FIELD)


def draw_water(state: SceneState, patch: Patch) -> None:
    """The sky upside down, broken by level waves that grow towards the viewer."""
    canvas, dice = state.canvas, state.generator
    near = state.nearness(patch.y)
    zenith, low = state.mood.zenith, state.mood.horizon
    calm = mix(low, zenith, near[..., None] ** 0.8) * dice.uniform(0.78, 0.95)
    waves = noise(dice, (256, 1024), cell=(4.0, 22.0), octaves=3)
    row = np.minimum(110 * np.log1p(6 * near), 255).astype(int)
    column = (patch.x - canvas.width / 2) / (0.3 + near) + 512
    swell = np.clip(2 * waves[row, column.astype(int) % 1024] - 1, -1, 1)[..., None]
    crests = np.clip(0.8 * swell - 0.28, 0, 0.5)
    canvas.paint(patch, mix(calm * (1 + 0.28 * swell), mix(low, _WHITE, 0.6), crests), label=WATER)


def _folds(x: np.ndarray, depth: np.ndarray, *, cell: float, generator: np.random.Generator) -> np.ndarray:
    """Two families of gullies that slant to either side as they run down, 0..1."""
    total = np.full(np.broadcast_shapes(x.shape, depth.shape), -0.5, np.float32)
    for slope in (0.8, -0.6):
        total += curve(generator, 4096, cell=cell, octaves=3)[(x + slope * depth).astype(int) % 4096]
    return np.clip(total, 0, 1)
