"""Several pictures for each mask: the user's decision, unless one is a copy of the other."""

import functools

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.complaints import collecting
from atrous.data.dataset import open_data
from atrous.errors import InputError
from fakes.layouts import NAMES, ids_mask, picture, truth

BANDS = ("red", "green", "nir")


def rolled(image, *, by):
    return Image.fromarray(np.roll(np.asarray(image), by, axis=1))


def written(folder, bands):
    """A file for each band of a picture, and one for its mask."""
    for place, change in bands.items():
        (folder / f"train_{place}").mkdir()
        for name in NAMES:
            change(picture(name)).save(folder / f"train_{place}/{place}_patch_{name}.png")
    (folder / "train_gt").mkdir()
    for name in NAMES:
        ids_mask(name).save(folder / f"train_gt/gt_patch_{name}.png")
    return folder


def assert_labels(data):
    assert len(data) == len(NAMES)
    for index in range(len(data)):
        name = data.pairs[index].image.stem.rpartition("_")[2]
        np.testing.assert_array_equal(data[index].labels, truth(name))


def test_bands_in_a_file_each_are_the_users_decision(tmp_path):
    written(tmp_path, {band: functools.partial(rolled, by=3 * place) for place, band in enumerate(BANDS)})
    line = (
        r"has 3 pictures for every mask, such as .*; join them into one picture, move those that you do not want away"
    )
    with pytest.raises(InputError, match=line) as told:
        open_data(tmp_path)
    assert all(f"train_{band}/{band}_patch_" in str(told.value) for band in BANDS)
    assert main(["doctor", str(tmp_path), "--fix"]) == 1
    with pytest.raises(InputError, match=line):
        open_data(tmp_path)
    images, masks = "train_nir/nir_patch_{name}.png", "train_gt/gt_patch_{name}.png"
    (tmp_path / "schema.toml").write_text(f'[layout]\nimages = "{images}"\nmasks = "{masks}"\n')
    assert_labels(open_data(tmp_path))


def test_a_copy_of_every_picture_is_left_out(tmp_path):
    darker = {"a": lambda image: image, "b": lambda image: image.point(lambda level: level - level // 32)}
    written(tmp_path, darker)
    with collecting() as complaints:
        assert_labels(open_data(tmp_path))
    assert any("6 pictures of folders without masks are not used (train_" in one.line for one in complaints)
