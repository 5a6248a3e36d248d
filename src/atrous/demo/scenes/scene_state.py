"""Classes, moods and the drawing state of a generated scene."""

from dataclasses import dataclass

import numpy as np

from atrous.demo.scenes.canvas import Canvas
from atrous.demo.scenes.texture import Color, mix, rgb
from atrous.labels import LabelSpace

SCENE_LABELS = LabelSpace(
    names=("sky", "mountain", "field", "water", "house", "tree", "boat", "balloon"),
    palette=(
        (135, 190, 235), (140, 115, 100), (170, 200, 80), (40, 90, 170), (200, 70, 50), (30, 110, 60), (250, 200, 60),
        (170, 70, 170),
    ),
)  # fmt: skip
"""Eight classes; 255 is ignored, and does not occur."""

SKY, MOUNTAIN, FIELD, WATER, HOUSE, TREE, BOAT, BALLOON = range(8)


@dataclass(frozen=True)
class Mood:
    """Weather and time of day. No class has colours of its own: all take them from the tones of the mood.

    Attributes:
        zenith: Colour of the sky at the top.
        horizon: Colour of the sky at the horizon, and of the haze that far things fade into.
        light: Factor of every colour, per channel.
        tones: Colours of land, trees, walls, sails and cloth.
    """

    zenith: Color
    horizon: Color
    light: tuple[float, float, float]
    tones: tuple[Color, ...]


@dataclass(frozen=True)
class SceneState:
    """The canvas, the light and the random generator that all parts of a scene are drawn with.

    Attributes:
        canvas: Takes colours and class ids.
        mood: Weather and time of day.
        horizon: Canvas row of the horizon.
        generator: Source of all random choices.
    """

    canvas: Canvas
    mood: Mood
    horizon: float
    generator: np.random.Generator

    def nearness(self, y: np.ndarray) -> np.ndarray:
        """0 at the horizon, 1 at the lower edge of the picture."""
        return np.clip((y - self.horizon) / (self.canvas.height - self.horizon), 0.01, 1)

    def lit(self, color: np.ndarray, *, distance: float = 0.0) -> np.ndarray:
        """A colour in this light, from near (0) to lost in the haze (1)."""
        return mix(color * np.array(self.mood.light, np.float32), self.mood.horizon, distance)

    def tone(self, *, distance: float = 0.0) -> np.ndarray:
        """One of the mood's colours, a little lighter or darker, lit."""
        tone = self.mood.tones[self.generator.integers(len(self.mood.tones))]
        return self.lit(np.clip(tone * self.generator.uniform(0.8, 1.15), 0, 255), distance=distance)


_GREEN, _OLIVE, _GOLD, _RUST = rgb(88, 138, 72), rgb(120, 128, 70), rgb(206, 168, 84), rgb(178, 92, 58)
_CREAM, _SNOW, _SLATE, _BLUE = rgb(236, 222, 190), rgb(232, 238, 244), rgb(96, 108, 128), rgb(86, 134, 180)
_TEAL, _ROSE, _PLUM, _BROWN = rgb(72, 142, 138), rgb(216, 140, 142), rgb(118, 84, 124), rgb(118, 92, 72)

MOODS = (
    Mood(rgb(78, 144, 212), rgb(196, 224, 240), (1.0, 1.0, 1.0), (_GREEN, _BLUE, _CREAM, _RUST, _GOLD, _TEAL)),
    Mood(rgb(120, 108, 172), rgb(250, 192, 164), (1.05, 0.9, 0.9), (_ROSE, _PLUM, _OLIVE, _CREAM, _SLATE, _RUST)),
    Mood(rgb(72, 62, 122), rgb(252, 150, 88), (1.05, 0.78, 0.66), (_RUST, _GOLD, _PLUM, _OLIVE, _CREAM, _BROWN)),
    Mood(rgb(146, 176, 190), rgb(250, 226, 160), (1.08, 1.0, 0.8), (_GOLD, _OLIVE, _CREAM, _TEAL, _BROWN, _RUST)),
    Mood(rgb(146, 156, 168), rgb(208, 212, 214), (0.88, 0.9, 0.94), (_SLATE, _SNOW, _TEAL, _OLIVE, _BROWN, _CREAM)),
    Mood(rgb(22, 32, 68), rgb(84, 106, 146), (0.44, 0.5, 0.68), (_BLUE, _SNOW, _SLATE, _PLUM, _TEAL, _CREAM)),
    Mood(rgb(56, 128, 132), rgb(206, 232, 204), (0.94, 1.0, 0.92), (_TEAL, _GREEN, _ROSE, _CREAM, _SLATE, _GOLD)),
    Mood(rgb(178, 122, 160), rgb(252, 214, 210), (1.02, 0.94, 0.98), (_ROSE, _PLUM, _TEAL, _SNOW, _BLUE, _BROWN)),
)
"""Clear day, dawn, sunset, golden hour, overcast, moonlight, mint morning, rose evening."""
