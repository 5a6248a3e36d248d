"""The things in a scene: houses, trees, boats, balloons; each stands on a point and has a height, in canvas pixels."""

import numpy as np

from atrous.demo.scenes.canvas import Patch
from atrous.demo.scenes.scene_state import BALLOON, BOAT, HOUSE, TREE, SceneState
from atrous.demo.scenes.texture import mix, noise, rgb

_NIGHT, _LAMP, _PALE, _WOOD = rgb(34, 36, 44), rgb(255, 226, 150), rgb(248, 245, 236), rgb(84, 62, 48)


def draw_house(state: SceneState, x: float, base: float, *, height: float) -> None:
    """A front, a side in shadow, a roof, and rows of windows."""
    canvas, dice = state.canvas, state.generator
    floors = int(dice.integers(1, 5))
    half, deep = height * dice.uniform(0.27, 0.55) / (0.6 + 0.2 * floors), height * dice.uniform(0.15, 0.4)
    eaves, over = base - height * (0.62 + 0.07 * floors), height * 0.05
    left, right, top = x - half, x + half, base - height
    wall, roof = state.tone(), state.tone()
    _shadow(state, x + deep / 2, base, half + deep)
    for points, color in (
        ([(left, base), (left, eaves), (right, eaves), (right, base)], wall),
        ([(right, base), (right, eaves), (right + deep, eaves), (right + deep, base - over)], wall * 0.66),
        ([(left - over, eaves), (x, top), (right + over, eaves)], mix(wall, roof, 0.4)),
        ([(right + over, eaves), (x, top), (x + deep, top), (right + deep + over, eaves)], roof * 0.8),
    ):
        patch = canvas.polygon(points)
        boards = np.where(patch.y % 6 < 1.5, 0.86, 1.0) * (
            0.9 + 0.2 * noise(dice, patch.inside.shape, cell=(6.0, 10.0))
        )
        canvas.paint(patch, color * boards[..., None], label=HOUSE)
    glass, frame = mix(_NIGHT, _LAMP, dice.choice([0.0, 0.15, 0.9])), mix(wall, _PALE, 0.7)
    columns = max(2, round(2.4 * half * floors / (base - eaves)))
    wide, tall = half * 2 / columns, (base - eaves) / floors
    for floor in range(floors):
        for column in range(columns):
            middle = left + (column + 0.5) * wide, eaves + (floor + 0.52) * tall
            canvas.paint(_rectangle(state, middle, wide * 0.3, tall * 0.35), frame, label=HOUSE)
            canvas.paint(_rectangle(state, middle, wide * 0.24, tall * 0.28), glass, label=HOUSE)


def draw_tree(state: SceneState, x: float, base: float, *, height: float) -> None:
    """A trunk, and a round crown of clumps or the tiers of a conifer; dabs of leaf in light and shade."""
    canvas, dice = state.canvas, state.generator
    leaf, wide, trunk = state.tone(), height * dice.uniform(0.26, 0.4), height * 0.035 + 1
    _shadow(state, x, base, wide)
    half = base - height / 2
    bark = canvas.polygon([(x - trunk, base), (x - trunk / 2, half), (x + trunk / 2, half), (x + trunk, base)])
    canvas.paint(bark, state.lit(_WOOD), label=TREE)
    if dice.random() < 0.4:
        for tier in np.linspace(0.12, 0.72, 5):
            low, reach = base - height * tier, wide * (1.05 - tier)
            saw = [(x + reach * t, low + height * 0.03 * (i % 2)) for i, t in enumerate(np.linspace(1, -1, 9))]
            _leaves(state, canvas.polygon([(x, low - height * 0.3), *saw]), leaf, size=height)
    else:
        clumps = [(dice.uniform(-0.65, 0.65), dice.uniform(0.36, 0.84)) for _ in range(10)]
        for across, up in sorted([*clumps, (0.0, 0.62)], key=lambda clump: clump[1]):
            radius = wide * dice.uniform(0.4, 0.6)
            clump = canvas.ellipse((x + across * wide, base - height * up), (radius, radius * 0.85))
            _leaves(state, clump, leaf * (0.72 + 0.4 * up), size=height)


def draw_boat(state: SceneState, x: float, base: float, *, height: float) -> None:
    """A hull with a stripe, a mast and two sails with seams; its reflection stays water."""
    canvas, dice = state.canvas, state.generator
    length = height * dice.uniform(0.34, 0.46) * dice.choice([-1, 1])

    def shape(*corners: tuple[float, float]) -> Patch:
        return canvas.polygon([(x + across * length, base - up * height) for across, up in corners])

    hull, sail = state.tone(), mix(state.tone(), state.lit(_PALE), dice.random())
    canvas.paint(shape((-0.8, 0.0), (0.8, 0.0), (0.3, -0.5), (-0.2, -0.5)), hull * 0.5, strength=0.4)
    for side, top, shade in ((-0.85, 0.98, 1.0), (0.8, 0.86, 0.84)):
        cloth = shape((0.0, top), (0.0, 0.2), (side, 0.2))
        seams = np.where((base - cloth.y) % (height * 0.13) < height * 0.02, 0.74, 1.0)
        canvas.paint(cloth, sail * shade * seams[..., None], label=BOAT)
    canvas.paint(shape((-0.03, 0.15), (-0.02, 1.0), (0.02, 1.0), (0.03, 0.15)), state.lit(_WOOD), label=BOAT)
    canvas.paint(shape((-0.95, 0.2), (1.1, 0.22), (0.72, 0.0), (-0.75, 0.0)), hull, label=BOAT)
    canvas.paint(shape((-0.95, 0.2), (1.1, 0.22), (1.0, 0.16), (-0.9, 0.14)), state.lit(_PALE), label=BOAT)


def draw_balloon(state: SceneState, x: float, base: float, *, height: float) -> None:
    """A striped envelope, round by its shading, and a basket on ropes."""
    canvas, dice = state.canvas, state.generator
    radius, middle = height * 0.36, base - height * 0.62
    basket, neck = height * 0.06, middle + radius * 0.9
    for side in (-1, 1):
        rope = [(x + side * basket, base - basket), (x + side * radius * 0.4, neck), (x + side * radius * 0.33, neck)]
        canvas.paint(canvas.polygon(rope), _NIGHT, label=BALLOON)
    canvas.paint(_rectangle(state, (x, base - basket), basket, basket), state.lit(rgb(134, 92, 58)), label=BALLOON)
    angle = np.linspace(0, 2 * np.pi, 48)
    outline = zip(np.sin(angle) * _girth(-np.cos(angle)), -np.cos(angle), strict=True)
    envelope = canvas.polygon([(x + radius * across, middle + 1.08 * radius * down) for across, down in outline])
    u, v = (envelope.x - x) / radius, (envelope.y - middle) / (1.08 * radius)
    around = np.arcsin(np.clip(u / (np.sqrt(np.clip(1 - v**2, 0.02, 1)) * _girth(v)), -1, 1)) / np.pi
    first, second = state.tone(), mix(state.tone(), state.lit(_PALE), 0.5)
    color = np.where((np.floor(around * dice.choice([6, 8, 10])) % 2 == 0)[..., None], first, second)
    if dice.random() < 0.5:
        color = np.where((np.abs(v + 0.1) < 0.14)[..., None], second * 0.6, color)
    light = np.clip(1.08 - 0.35 * (u + 0.35) ** 2 - 0.25 * (v + 0.4) ** 2, 0.4, 1.2)
    canvas.paint(envelope, color * light[..., None], label=BALLOON)


def _girth(v: np.ndarray) -> np.ndarray:
    """Width of a balloon at height v, as a share of a ball's: narrower below the middle (v > 0)."""
    return np.where(v > 0, 1 - 0.42 * v**2, 1)


def _rectangle(state: SceneState, middle: tuple[float, float], half_width: float, half_height: float) -> Patch:
    (x, y), w, h = middle, half_width, half_height
    return state.canvas.polygon([(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)])


def _shadow(state: SceneState, x: float, base: float, half_width: float) -> None:
    """On the ground, which keeps its class."""
    state.canvas.paint(state.canvas.ellipse((x, base), (half_width, half_width * 0.16)), _NIGHT, strength=0.35)


def _leaves(state: SceneState, patch: Patch, color: np.ndarray, *, size: float) -> None:
    cell = max(3.0, size * 0.035)
    dabs = np.round(4 * noise(state.generator, patch.inside.shape, cell=(cell, cell), octaves=2)) / 4
    across, down = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in patch.inside.shape[::-1])
    light = (0.72 + 0.5 * dabs) * (0.94 - 0.42 * down[:, None] - 0.2 * across)
    state.canvas.paint(patch, color * light[..., None], label=TREE)
