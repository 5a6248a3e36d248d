"""Colours of few pixels beside those of classes are named, and `--fix` leaves them out; small classes stay."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_data
from atrous.data.doctor import diagnose
from atrous.data.doctor.fix import write_schema_fix
from atrous.data.formats.images import read_mask
from atrous.errors import InputError
from fakes.layouts import NAMES
from fakes.published import noise

SIZE = (60, 80)
COLORS = np.array([(0, 0, 0), (128, 0, 0), (0, 200, 0)], np.uint8)


def truth(index):
    ids = np.zeros(SIZE, np.uint8)
    ids[5:35, 4 + index : 34] = 1
    ids[20:55, 44 : 74 - index] = 2
    return ids


def slip(mask, index):
    if index == 1:
        mask[2, 2] = (12, 99, 200)


def altered(mask, index):
    mask[6:8, 10 + index] += np.array([3, 2, 1], np.uint8)


def edges(mask, _index):
    mask[5:35, 34] = (64, 0, 0)
    mask[20:55, 43] = (0, 100, 0)


def edges_with_a_corner(mask, index):
    """One in 32 pixels of the mixed colour has its like around: fewer than one in 20."""
    edges(mask, index)
    mask[5:7, 35] = (64, 0, 0)


def written(folder, spoil):
    for index, name in enumerate(NAMES):
        mask = COLORS[truth(index)].copy()
        spoil(mask, index)
        for place, image in (("images", noise(np.random.default_rng(index), SIZE)), ("masks", Image.fromarray(mask))):
            (folder / place).mkdir(exist_ok=True)
            image.save(folder / place / f"{name}.png")


@pytest.mark.parametrize("spoil", [slip, altered, edges, edges_with_a_corner])
def test_strays_are_named_and_left_out_by_fix(tmp_path, spoil):
    written(tmp_path, spoil)
    with pytest.raises(InputError, match=r"#[0-9a-f]{6} \(\d+ pixels?\).*beside 3 colours that fill areas"):
        open_data(tmp_path)
    assert [*write_schema_fix(diagnose(tmp_path))]
    data = open_data(tmp_path)
    order = [data.labels.palette.index(tuple(color)) for color in COLORS.tolist()]
    for index in range(len(data)):
        wrong = data[index].labels != np.array(order)[truth(index)]
        at_edges = {edges: 65, edges_with_a_corner: 67}.get(spoil, 0)  # these have the colour of either side
        assert wrong.sum() <= at_edges


def test_a_small_class_between_two_others_stays(tmp_path):
    def small(mask, index):
        if index == 2:
            mask[40:48, 4:12] = (64, 0, 0)

    written(tmp_path, small)
    assert len(open_data(tmp_path).labels) == 4


def test_white_is_a_class_where_a_table_says_so(tmp_path):
    for index, name in enumerate(NAMES):
        mask = Image.fromarray((truth(index) > 0).astype(np.uint8) * 255).convert("RGB")
        for place, image in (("images", noise(np.random.default_rng(index), SIZE)), ("masks", mask)):
            (tmp_path / place).mkdir(exist_ok=True)
            image.save(tmp_path / place / f"{name}.png")
    (tmp_path / "label_class_dict.csv").write_text("name,r,g,b\nbackground,0,0,0\nroad,255,255,255\n")
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "road")
    for index in range(len(data)):
        np.testing.assert_array_equal(data[index].labels, truth(index) > 0)


def test_frames_of_an_animation_are_the_reason_for_refusing_it(tmp_path):
    frames = [Image.fromarray(truth(index)) for index in (0, 1)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(InputError, match="has 2 frames; a mask has one"):
        read_mask(tmp_path / "a.webp")


def test_a_val_of_one_class_is_an_error(tmp_path):
    written(tmp_path, lambda mask, index: None if index > 1 else mask.fill(0))
    (tmp_path / "val.txt").write_text(f"{NAMES[0]}\n{NAMES[1]}\n")
    lines = [finding.line for finding in diagnose(tmp_path).errors]
    assert any("'background' is the only class to validate on" in line for line in lines)
    (tmp_path / "val.txt").write_text(f"{NAMES[0]}\n")  # a single picture, as --fix lists it for a small set
    assert diagnose(tmp_path).errors == ()
    assert "one class scored" in {finding.kind for finding in diagnose(tmp_path).findings}


def test_a_val_of_one_class_that_was_held_out_is_a_warning(tmp_path):
    written(tmp_path, lambda mask, index: mask.fill(0) if index else None)
    found = diagnose(tmp_path)
    assert any("list pictures of the others in val.txt" in finding.line for finding in found.findings)
    assert found.errors == ()


def test_names_that_differ_in_letter_case_alone_are_a_warning(tmp_path):
    written(tmp_path, slip)
    (tmp_path / "schema.toml").write_text('classes = ["background", "Tent", "tent"]\n')
    lines = [finding.line for finding in diagnose(tmp_path).findings]
    assert any("the classes 'Tent' and 'tent' differ in letter case alone" in line for line in lines)
