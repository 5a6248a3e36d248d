"""Generated scenes with exact masks: a lakeside with mountains, houses, trees, sailing boats and balloons.

For `atrous demo`, for tests, and to try a change in minutes. Every class takes its colours from the same palettes, so
colour alone does not tell them apart: classes differ in texture, shape and place. Nothing is downloaded; a
seed gives the same pictures everywhere with the same releases of Pillow and numpy.
"""

from atrous.demo.scenes.scene import draw_scene, write_scenes
from atrous.demo.scenes.scene_state import SCENE_LABELS

__all__ = ["SCENE_LABELS", "draw_scene", "write_scenes"]
