"""The classes of the generated scenes."""

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
