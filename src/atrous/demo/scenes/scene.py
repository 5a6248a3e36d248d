"""Composing one scene: land from far to near, then things from far to near."""

import numpy as np
from jaxtyping import UInt8

from atrous.demo.scenes.canvas import Canvas
from atrous.demo.scenes.classes import FIELD, WATER
from atrous.demo.scenes.land import draw_field, draw_mountains, draw_sky, draw_water
from atrous.demo.scenes.scene_state import MOODS, SceneState
from atrous.demo.scenes.texture import curve
from atrous.demo.scenes.things import draw_balloon, draw_boat, draw_house, draw_tree

_BANDS = ((FIELD, WATER), (WATER, FIELD), (FIELD, WATER, FIELD), (WATER, FIELD, WATER), (WATER,), (FIELD,))
"""What the land is made of, from the horizon to the viewer."""


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
