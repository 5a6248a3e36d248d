"""Overlays leave the background alone and show every class in a colour of its own."""

import numpy as np

from atrous.inference.result import Result
from atrous.labels import CITYSCAPES, PASCAL_VOC, LabelSpace
from atrous.report.overlay_colors import background_class, bright_space, outlines

CRACKS = LabelSpace(("background", "crack"))


def square() -> Result:
    image = np.full((80, 90, 3), 100, np.uint8)
    labels = np.zeros((80, 90), np.uint8)
    labels[20:40, 30:60] = 1
    return Result(labels, image, CRACKS)


def test_the_background_keeps_the_picture_unless_it_is_asked_for():
    spaces = (CRACKS, PASCAL_VOC, CITYSCAPES, LabelSpace.unnamed(2))
    assert [background_class(space) for space in spaces] == [0, 0, None, 0]
    shown = np.array(square().overlay(legend=False))
    assert (shown[0, 0].tolist(), shown[70, 80].tolist()) == ([100, 100, 100], [100, 100, 100])
    red = bright_space(CRACKS).palette[1]
    assert shown[25, 45].tolist() == [round(0.45 * 100 + 0.55 * value) for value in red]
    painted = np.array(square().overlay(legend=False, background=True))
    assert painted[0, 0].tolist() != [100, 100, 100]


def test_regions_are_outlined_in_their_own_full_colour_and_contours_leave_the_inside():
    red = list(bright_space(CRACKS).palette[1])
    for contours in (False, True):
        shown = np.array(square().overlay(legend=False, contours=contours))
        assert shown[39, 45].tolist() == red  # the last row inside
        assert shown[19, 45].tolist() == red  # the row above, which is background
    assert shown[25, 45].tolist() == [100, 100, 100]


def test_edges_are_where_the_label_changes():
    labels = square().labels
    assert outlines(labels).sum() == 2 * 30 + 2 * 20 - 1  # each side of the rectangle; one corner is on two sides
    assert not outlines(labels[:10, :10]).any()


def test_colours_of_the_data_stay_and_others_are_bright_and_distinct():
    assert bright_space(CITYSCAPES) == CITYSCAPES
    palette = np.array(bright_space(LabelSpace.unnamed(12)).palette, float)
    assert palette.max(axis=1).min() == 255
    distances = np.abs(palette[:, None] - palette[None]).sum(axis=2) + 999 * np.eye(12)
    assert distances.min() > 30
