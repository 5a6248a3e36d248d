"""Data sets as their authors published them: masks found by number or by content, fields of view, other annotators."""

import re

import numpy as np
import pytest
from PIL import Image

from atrous.data.complaints import collecting
from atrous.data.dataset import open_data, open_splits
from atrous.data.layouts.scanner import contents_of
from atrous.data.schema import Schema, write_schema
from atrous.labels import LabelSpace
from fakes.byproduct_folders import BYPRODUCTS, camouflage, depth_and_objects, exported, levels, people
from fakes.layouts import COLORS, NAMES, TRAIN, VAL, picture, truth
from fakes.messy_folders import MESSY, field, plants, two_eyes, two_initials, unlabelled_split, vessels
from fakes.rival_folders import RIVALS
from fakes.telling_names import TELLING

FOLDERS = {**MESSY, **RIVALS, **BYPRODUCTS, **TELLING}
BINARY = Schema(LabelSpace(("background", "foreground")), remap={0: 0, 255: 1})


def whose(image):
    """The name of the set that a picture was made of; JPEGs are only nearly the same."""
    differences = {
        name: float(np.abs(image.astype(int) - np.asarray(picture(name)).astype(int)).mean()) for name in NAMES
    }
    return min(differences, key=differences.__getitem__)


def expected(name, *, holds, palette):
    if holds == "colours":
        return np.array([palette.index(color) for color in COLORS])[truth(name)]
    if holds == "ids":
        return truth(name)
    found = (truth(name) > 0).astype(np.uint8)
    return np.where(np.asarray(field()) == 0, 255, found) if holds == "field" else found


@pytest.mark.parametrize("name", FOLDERS)
def test_labels_and_splits(tmp_path, name):
    write, holds, split = FOLDERS[name]
    write(tmp_path)
    if holds == "foreground":
        write_schema(tmp_path / "schema.toml", BINARY)
    data = open_data(tmp_path)
    names = [whose(data[index].image) for index in range(len(data))]
    assert sorted(names) == [*NAMES]
    for index, found in enumerate(names):
        wanted = expected(found, holds=holds, palette=data.labels.palette)
        np.testing.assert_array_equal(data[index].labels, wanted)
    if split:
        parts = open_splits(tmp_path)
        held = "val" if "test" not in parts else "test"
        assert sorted(whose(parts[held][index].image) for index in range(len(parts[held]))) == [*VAL]
        rest = [one for part in parts if part != held for one in parts[part].names]
        assert len(rest) == len(TRAIN)


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (vessels, r"outside the field of view \(test/mask/05_test_mask.gif.*\) are ignored"),
        (two_eyes, r"another kind are left out: Image_01L_2ndHO.png"),
        (two_initials, r"another annotator are left out: labels-vk/im0000.vk.ppm"),
        (plants, r"masks of 2 values are left out: masks/s0_mask.png.*annotations/s0_annotation.png"),
        (people, r"another kind are left out: .*Human_ids/s0.png"),
        (people, r"another kind are left out: .*Instance_ids/s0.png"),
        (people, r"no sample uses .*Categories/s0.png"),
        (exported, r"another kind are left out: s0_label_ground-truth.png.*s0_label_ground-truth_semantic.png.* count"),
        (depth_and_objects, r"another kind are left out: s0_depth.png"),
        (depth_and_objects, r"another kind are left out: s0_instance.png"),
        (camouflage, r"another kind are left out: Test/GT_Edge/.*GT_Object/.* count"),
        (camouflage, r"another kind are left out: Test/GT_Instance/.*GT_Object/.* count"),
        (levels, r"another kind are left out: gtFine/.*instancelevel3Ids.png"),
        (unlabelled_split, r"2 pictures of folders without masks are not used \(valid/9s0_sat.jpg"),
    ],
)
def test_what_was_chosen_is_remarked(tmp_path, write, line):
    write(tmp_path)
    with collecting() as complaints:
        contents_of(tmp_path)
    assert [one for one in complaints if not one.remark] == []
    assert any(re.search(line, one.line) for one in complaints), complaints


def test_fields_of_view_alone_are_masks(tmp_path):
    for name in NAMES:
        picture(name).save(tmp_path / f"{name}.png")
        Image.fromarray(np.asarray(field()) // 255).save(tmp_path / f"{name}_mask.png")
    data = open_data(tmp_path)
    for index in range(len(data)):
        np.testing.assert_array_equal(data[index].labels, np.asarray(field()) // 255)
