"""Masks whose colours are greys, or as many as those of a photo."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_splits
from atrous.errors import InputError
from fakes.layouts import NAMES, ids_mask, picture, truth

COLORS = np.array([(255, 255, 255), (0, 0, 0), (0, 0, 255)], np.uint8)


def written(folder, masks):
    for name, mask in zip(NAMES, masks, strict=True):
        for place, content in (("images", picture(name)), ("labels", mask)):
            (folder / place).mkdir(parents=True, exist_ok=True)
            content.save(folder / place / f"{name}.png")
    return folder


def test_black_and_white_beside_other_colours_are_colours(tmp_path):
    """The last picture shows the first class only: white, which as a number would be the ignore value."""
    data = open_splits(written(tmp_path, [Image.fromarray(COLORS[truth(name)]) for name in NAMES]))
    names = data["train"].labels.names
    assert {*names} == {"background", "blue", "white"}
    order = np.array([names.index("white"), names.index("background"), names.index("blue")])
    found = {name: part[index].labels for part in data.values() for index, name in enumerate(part.names)}
    for name in NAMES:
        np.testing.assert_array_equal(found[name], order[truth(name)])


def test_numbers_of_remap_leave_black_and_white_undecided(tmp_path):
    written(tmp_path, [Image.fromarray(COLORS[truth(name)]) for name in NAMES])
    colors = "colors = [[255, 255, 255], [0, 0, 0], [0, 0, 255]]"
    remap = "[remap]\n0 = 0\n255 = 1"
    (tmp_path / "schema.toml").write_text(f'classes = ["a", "b", "c"]\n{colors}\nignore = 254\n{remap}\n')
    data = open_splits(tmp_path)
    with pytest.raises(InputError, match="one thing as colours and another as class ids"):
        [part[index] for part in data.values() for index in range(len(part))]


def test_photos_in_place_of_masks_are_refused_in_seconds(tmp_path):
    """A few colours are frequent and thousands are not: comparing each with every two others would take hours."""
    folder = tmp_path / "data"
    written(folder, [ids_mask(name) for name in NAMES])
    for number, name in enumerate(NAMES):
        random = np.random.default_rng(number)
        colors = random.integers(0, 256, (4000, 3), dtype=np.uint8)
        shown = np.minimum(random.geometric(0.002, (96, 96)), 3999)
        for place in ("images", "labels"):
            Image.fromarray(colors[shown]).save(folder / place / f"{name}.png")
    command = [sys.executable, "-m", "atrous", "doctor", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "too many for classes" in done.stdout + done.stderr


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_numbers_in_one_channel_are_told_with_what_helps(channel, tmp_path):
    """Tools of simulators store them so; --fix cannot clean what is no smoothed edge."""

    def stored(name):
        mask = np.zeros((*truth(name).shape, 3), np.uint8)
        mask[..., channel] = truth(name)
        return Image.fromarray(mask)

    written(tmp_path, [stored(name) for name in NAMES])
    letter = "RGB"[channel]
    line = rf'numbers in the channel {letter} alone \(0 to 2\).*image.getchannel\("{letter}"\).save\(path\)'
    with pytest.raises(InputError, match=line):
        open_splits(tmp_path)
    for path in (tmp_path / "labels").iterdir():
        Image.open(path).getchannel(letter).save(path)
    data = open_splits(tmp_path)
    for part in data.values():
        for index, name in enumerate(part.names):
            np.testing.assert_array_equal(part[index].labels, truth(name))


@pytest.mark.parametrize("numbers", [(0, 1, 255), (0, 7, 30), (1, 2, 2)], ids=["ignored", "gaps", "two"])
def test_numbers_in_one_channel_may_have_gaps_and_the_ignore_value(numbers, tmp_path):
    masks = []
    for name in NAMES:
        mask = np.zeros((*truth(name).shape, 3), np.uint8)
        mask[..., 0] = np.array(numbers)[truth(name)]
        masks.append(Image.fromarray(mask))
    written(tmp_path, masks)
    with pytest.raises(InputError, match=rf"numbers in the channel R alone \(0 to {max(numbers)}\)"):
        open_splits(tmp_path)
