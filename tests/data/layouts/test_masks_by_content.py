"""Photos and masks told by their values alone where both are JPEG: of a folder of one kind few files are read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.data.annotations.color_masks import value_counts
from atrous.data.formats.images import read_image
from atrous.data.layouts import looks
from atrous.data.layouts.by_content import by_content
from atrous.data.layouts.roles import entries
from atrous.data.layouts.tree import look

FILES = 40


def save(path, *, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((64, 64), np.uint8)
    values[:, 24:] = 200
    if not mask:
        values = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(values).save(path, quality=95)


def test_a_few_photos_of_every_folder_are_read(tmp_path, monkeypatch):
    for folder in ("a", "b", "c", "d"):
        for number in range(FILES):
            save(tmp_path / folder / f"{number}.jpg", mask=False)
    read = []
    monkeypatch.setattr(looks, "read_image", lambda path: (read.append(path), read_image(path))[1])
    tree = look(tmp_path)
    images, masks = by_content(tree, entries(tree), lossy=True)
    assert len(images) == 4 * FILES
    assert not masks
    assert 4 <= len(read) <= 4 * 8


def test_not_all_pixels_of_a_photo_are_counted(tmp_path, monkeypatch):
    """To count the colours of a photo takes five times as long as to decode it; a mask with soft edges is no photo."""
    photo = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    mask = np.zeros((600, 800), np.uint8)
    mask[::8, 20:780] = 255  # edges of JPEG along the blocks
    counted = []
    monkeypatch.setattr(looks, "value_counts", lambda values: (counted.append(values.size), value_counts(values))[1])
    for values, few in ((photo, False), (mask // 8 * 8, True)):
        counted.clear()
        Image.fromarray(values).save(tmp_path / "a.jpg", quality=95)
        assert looks.has_few_values(tmp_path / "a.jpg", lossy=True) == few
        assert (sum(counted) < 600 * 800 / 10) != few


ORDERS = {
    "in turns": lambda number: (f"{number // 2}{'ab'[number % 2]}.jpg", bool(number % 2)),
    "in turns of numbers": lambda number: (f"{number}.jpg", bool(number % 2)),
    "one after the other": lambda number: (f"{number}.jpg", number >= FILES // 2),
    "a few photos last": lambda number: (f"{number}.jpg", number < FILES * 3 // 4),
    "many masks of a photo": lambda number: (f"{number // 5}{'abcde'[number % 5]}.jpg", number % 5 != 2),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("first", [0, 1, 2, 3, 4])
def test_photos_and_masks_of_one_folder_are_parted(tmp_path, order, first):
    expected = dict(ORDERS[order](number) for number in range(first, FILES + first))
    for name, mask in expected.items():
        save(tmp_path / "all" / name, mask=mask)
    tree = look(tmp_path)
    images, masks = by_content(tree, entries(tree), lossy=True)
    assert {Path(entry.path).name for entry in masks} == {name for name, mask in expected.items() if mask}
    assert len(images) + len(masks) == FILES
