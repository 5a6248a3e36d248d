"""Several pictures for each mask: the user's decision, unless one is a copy of the other."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.complaints import collecting
from atrous.data.dataset import open_data
from atrous.data.layouts.choice import Choice
from atrous.data.layouts.pairing import pairings
from atrous.data.layouts.rival_pictures import rival_pictures
from atrous.data.layouts.roles import Entry
from atrous.data.layouts.tree import Tree
from atrous.errors import InputError
from fakes.executed_lines import count_lines
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


def test_folders_of_too_few_pictures_cost_no_search_for_a_rule():
    """No rule pairs 20 pictures with 300 masks: only a folder of as many pictures is looked at."""
    keys = [f"top_{number}" for number in range(300)]
    images, masks = entries("tops", keys, "image"), entries("gts", [f"gt_{number}" for number in range(300)], "mask")
    pairing = next(one for one in pairings([*images], [*masks]) if one.affixes and any(one.affixes.image))
    assert len(pairing.pairs) == len(masks)
    small = [entry for place in range(30) for entry in entries(f"more {place}", keys[:20], "image").values()]
    choice = Choice(images, masks, pairing, "", unlabelled=tuple(small))
    tree = Tree(Path(), (), (), ())
    assert not rival_pictures(tree, choice)
    assert count_lines(lambda: rival_pictures(tree, choice)) < 100 * len(small)


def entries(folder, keys, role):
    return {key: Entry(Path(folder, f"{key}.png"), role, "", "", key) for key in keys}
