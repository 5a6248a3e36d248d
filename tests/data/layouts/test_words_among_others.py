"""Folders that say picture or mask among other words: `tissue images`, `gts_for_participants`, `train-org-img`."""

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data, open_splits
from atrous.errors import InputError
from fakes.layouts import NAMES, VAL, color_mask, ids_mask, picture, truth


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def found(data):
    known = {np.asarray(picture(name)).tobytes(): name for name in NAMES}
    return {known[data[index].image.tobytes()]: data[index].labels for index in range(len(data))}


def numbered(part):
    return enumerate(part.names)


def assert_labels(samples, names=NAMES):
    assert samples.keys() == {*names}
    for name, labels in samples.items():
        np.testing.assert_array_equal(labels, truth(name))


@pytest.mark.parametrize("places", [("tissue images", "label masks final2b"), ("tissue images", "masks by hand")])
def test_pictures_and_masks_of_several_groups(places, tmp_path):
    """Names repeat in the groups, so that only the folders tell which mask belongs to which picture."""
    for number, name in enumerate(NAMES):
        folder = tmp_path / ("human bladder", "mouse heart")[number % 2]
        save(picture(name), folder / places[0] / f"{number // 2}.png")
        save(ids_mask(name), folder / places[1] / f"{number // 2}.png")
    assert_labels(found(open_data(tmp_path)))


def test_some_pictures_have_no_mask_and_others_are_heights(tmp_path):
    for name in NAMES:
        save(picture(name), tmp_path / f"top/{name}.png")
        save(picture(name).convert("L"), tmp_path / f"dsm/height_{name}.png")
        if name not in VAL:
            save(ids_mask(name), tmp_path / f"gts_for_participants/{name}.png")
    with pytest.raises(InputError, match=r"no mask for top/s4.png .*background = \"\" to leave them out"):
        open_data(tmp_path)
    (tmp_path / "schema.toml").write_text('[layout]\nbackground = ""\n')
    assert_labels(found(open_data(tmp_path)), names=NAMES[:4])


def test_original_in_three_letters(tmp_path):
    """Drawings of the masks in another folder have the same names, which repeat from split to split."""
    for split, names in (("train", NAMES[:4]), ("val", VAL)):
        for number, name in enumerate(names):
            save(picture(name), tmp_path / f"set/{split}/{split}-org-img/{number}.png")
            save(ids_mask(name), tmp_path / f"set/{split}/{split}-label-img/{number}_lab.png")
            save(color_mask(name), tmp_path / f"drawn/ColorMasks-{split.title()}Set/{number}_lab.png")
    splits = open_splits(tmp_path)
    assert_labels(found(splits["train"]), names=NAMES[:4])
    assert_labels(found(splits["val"]), names=VAL)


def test_masks_of_several_classes_are_not_taken_for_one(tmp_path):
    """Those of a class that all pictures show pair, by the zeros before their numbers, and hide the others."""
    for number, name in enumerate(NAMES):
        save(picture(name), tmp_path / f"faces-img/{number}.jpg")
        save(ids_mask(name), tmp_path / f"faces-mask-anno/0000{number}_nose.png")
        if number % 2:
            save(ids_mask(name), tmp_path / f"faces-mask-anno/0000{number}_hair.png")
    line = r"3 masks with other words .*00001_hair.png for faces-img/1.jpg; join them .*or name the masks that count"
    with pytest.raises(InputError, match=line):
        open_data(tmp_path)
    images, masks = "faces-img/{name}.jpg", "faces-mask-anno/0000{name}_nose.png"
    (tmp_path / "schema.toml").write_text(f'[layout]\nimages = "{images}"\nmasks = "{masks}"\n')
    data = open_data(tmp_path)
    assert len(data) == len(NAMES)
    for index, number in enumerate(data.names):
        np.testing.assert_array_equal(data[index].labels, truth(NAMES[int(number)]))


def test_jpeg_masks_in_a_folder_of_any_name_are_cleaned(tmp_path, capsys):
    """Masks that compression altered have few values, too; what is left of them is what --fix writes."""
    for name in NAMES:
        large = np.kron(truth(name) > 0, np.ones((8, 8), bool))
        save(picture(name).resize((128, 96)), tmp_path / f"rgb/{name}.jpg")
        save(Image.fromarray((large * 255).astype(np.uint8)), tmp_path / f"BW/{name}.jpg")
    with pytest.raises(InputError, match="is a JPEG, whose compression alters class ids"):
        open_data(tmp_path)
    assert main(["doctor", str(tmp_path)]) == 1
    assert "masks were found by their few values" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path), "--fix"]) == 0
    samples = {name: part[index].labels for part in open_splits(tmp_path).values() for index, name in numbered(part)}
    assert samples.keys() == {*NAMES}
    for name, labels in samples.items():
        np.testing.assert_array_equal(labels, np.kron(truth(name) > 0, np.ones((8, 8), bool)))


def test_labels_beside_numbers_of_objects(tmp_path):
    """The folder of numbers is called by a word for them, that of classes by a word that may mean other things."""
    for name in NAMES:
        save(picture(name), tmp_path / f"images/{name}.png")
        save(ids_mask(name), tmp_path / f"sem_masks/{name}.png")
        save(Image.fromarray(truth(name) * 3), tmp_path / f"inst_masks/{name}.png")
    assert_labels(found(open_data(tmp_path)))
