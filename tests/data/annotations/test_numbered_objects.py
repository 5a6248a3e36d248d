"""Masks that count objects are no masks of classes: they are named, and `--fix` makes them foreground."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.annotations.color_masks import value_counts
from atrous.data.annotations.numbered_objects import are_objects
from atrous.data.dataset import open_data
from atrous.data.doctor import diagnose
from atrous.data.doctor.fix import write_schema_fix
from atrous.errors import InputError
from fakes.layouts import NAMES, picture

COUNTS = (3, 4, 5, 3, 4, 6)
BLOCKS = [(row, column) for row in (0, 4, 8) for column in (0, 6, 12)]


def cells(count, *, kind=np.uint8):
    """Blocks of 3 x 3 pixels, numbered from 1."""
    values = np.zeros((12, 16), kind)
    for number, (row, column) in enumerate(BLOCKS[:count], start=1):
        values[row : row + 3, column : column + 3] = number
    return values


def written(folder, masks):
    for name, mask in zip(NAMES, masks, strict=True):
        for place, image in (("images", picture(name)), ("masks", Image.fromarray(mask))):
            (folder / place).mkdir(exist_ok=True)
            image.save(folder / place / f"{name}.png")
    return {folder / f"masks/{name}.png": value_counts(mask) for name, mask in zip(NAMES, masks, strict=True)}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_numbers_of_objects_become_foreground(tmp_path, kind):
    masks = [cells(count, kind=kind) for count in COUNTS]
    written(tmp_path, masks)
    with pytest.raises(InputError, match=r"number their objects \(1 to 6.*threshold = 1"):
        open_data(tmp_path)
    assert [*write_schema_fix(diagnose(tmp_path))]
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "foreground")
    for index, mask in enumerate(masks):
        np.testing.assert_array_equal(data[index].labels, mask > 0)


def test_classes_are_no_objects(tmp_path):
    objects = [cells(count) for count in COUNTS]
    assert are_objects(written(tmp_path, objects))
    low = [mask.copy() for mask in objects]
    for mask in low:
        mask[2::4] = 0
    assert are_objects(written(tmp_path, low))
    scattered = [np.where(mask, mask % 4 + 1, 0).astype(np.uint8) for mask in objects]
    assert not are_objects(written(tmp_path, scattered))
    with_gaps = [np.where(mask == 1, 0, mask) for mask in objects]
    assert not are_objects(written(tmp_path, with_gaps))
    as_many = [cells(5) for _ in COUNTS]
    assert not are_objects(written(tmp_path, as_many))
    in_two_places = []
    for mask in objects:
        apart = mask.copy()
        apart[11, 15 - (mask.max() % 2)] = 1
        apart[11, 0:4] = mask.max()
        apart[11, 8] = 2
        apart[11, 10] = 3
        in_two_places.append(apart)
    assert not are_objects(written(tmp_path, in_two_places))
    in_two_halves = [mask.copy() for mask in objects]  # what lies between them is one area
    for mask in in_two_halves:
        mask[:, 1::6] = 0
    assert not are_objects(written(tmp_path, in_two_halves))


def test_masks_of_cellpose_are_objects_however_few(tmp_path):
    for number, name in enumerate(NAMES):
        picture(name).save(tmp_path / f"{name}.png")
        Image.fromarray(cells(1 + number % 2, kind=np.uint16)).save(tmp_path / f"{name}_cp_masks.png")
    with pytest.raises(InputError, match=r"number their objects \(1 to 2.*threshold = 1"):
        open_data(tmp_path)


@pytest.mark.parametrize(
    ("counts", "objects"),
    [
        ((2, 3, 4), True),
        ((3, 4), False),  # two masks
        ((1, 2, 3), False),  # at most three objects
        ((3, 4, 4, 3), False),  # two numbers of objects
        ((0, 3, 4, 5), True),  # one without objects
    ],
)
def test_the_fewest_masks_that_tell(tmp_path, counts, objects):
    masks = {}
    for number, count in enumerate(counts):
        path = tmp_path / f"{number}.png"
        Image.fromarray(cells(count)).save(path)
        masks[path] = value_counts(cells(count))
    assert are_objects(masks) is objects


def test_masks_of_cellpose_with_one_object_each_are_classes(tmp_path):
    masks = {tmp_path / f"{name}_cp_masks.png": value_counts(cells(1)) for name in NAMES}
    assert not are_objects(masks)
    assert not are_objects({})
