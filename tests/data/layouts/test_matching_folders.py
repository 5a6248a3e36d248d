"""Folders of pictures and of masks that match two by two hold masks of one kind, none of another annotator's."""

import numpy as np
import pytest

from atrous.cli.main import main
from atrous.data.dataset import open_data, open_splits
from atrous.errors import InputError
from fakes.layouts import NAMES, ids_mask, picture, truth


def written(folder, image, mask):
    """Six pictures in two folders; names may repeat from folder to folder."""
    for number, name in enumerate(NAMES):
        words = {"group": ("Alpha", "Bravo")[number % 2], "number": number % 2 + 1, "name": number // 2, "all": name}
        for pattern, content in ((image, picture(name)), (mask, ids_mask(name))):
            path = folder / pattern.format(**words)
            path.parent.mkdir(parents=True, exist_ok=True)
            content.save(path)
    return folder


def found(data):
    known = {np.asarray(picture(name)).tobytes(): name for name in NAMES}
    return {known[data[index].image.tobytes()]: data[index].labels for index in range(len(data))}


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("Slide_{number:02}/{all}.png", "GT_{number:02}/{all}.png"),
        ("Slide_{number:02}/{name}.png", "GT_{number:02}/{name}.png"),
        ("Slide_{number:02}/{name}.png", "GT_{number:02}/{name}_mask.png"),
        ("data/{group}/{name}.png", "data/{group}_gt/{name}.png"),
        ("{group}/{name}.png", "labels_{group}/{name}.png"),
    ],
)
def test_every_mask_finds_its_picture(image, mask, tmp_path):
    samples = found(open_data(written(tmp_path, image, mask)))
    assert samples.keys() == {*NAMES}
    for name, labels in samples.items():
        np.testing.assert_array_equal(labels, truth(name))


def test_what_fix_writes_opens_all_of_them(tmp_path):
    written(tmp_path, "Slide_{number:02}/{name}.png", "GT_{number:02}/{name}.png")
    main(["doctor", str(tmp_path), "--fix"])
    samples = {name: labels for part in open_splits(tmp_path).values() for name, labels in found(part).items()}
    assert samples.keys() == {*NAMES}
    for name, labels in samples.items():
        np.testing.assert_array_equal(labels, truth(name))


def test_a_mask_too_many_is_told(tmp_path):
    """Nothing pairs then in silence: the folders do not match, and the line names what has no mask or picture."""
    written(tmp_path, "Slide_{number:02}/{name}.png", "GT_{number:02}/{name}.png")
    ids_mask("s0").save(tmp_path / "GT_02/extra.png")
    with pytest.raises(InputError, match=r"no mask for|no image for|of no known layout"):
        open_data(tmp_path)
