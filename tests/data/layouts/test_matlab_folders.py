"""Folders of MATLAB label maps: structs, cells of structs, and a list of names."""

import numpy as np
import pytest
from scipy.io import savemat

from atrous.data.complaints import collecting
from atrous.data.dataset import open_data, open_splits
from atrous.data.schema import Schema, write_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace
from data.layouts.test_messy_folders import whose
from fakes.layouts import NAMES, VAL, picture, truth
from fakes.messy_folders import berkeley, cracks, garments


@pytest.mark.parametrize("write", [berkeley, cracks, garments])
def test_label_maps_of_structs(tmp_path, write):
    write(tmp_path)
    if write is not garments:
        write_schema(tmp_path / "schema.toml", Schema(LabelSpace(("a", "b", "c")), remap={1: 0, 2: 1, 3: 2}))
    data = open_data(tmp_path)
    found = [whose(data[index].image) for index in range(len(data))]
    assert sorted(found) == [*NAMES]
    for index, name in enumerate(found):
        np.testing.assert_array_equal(data[index].labels, truth(name))
    if write is garments:
        assert data.labels.names == ("null", "cat", "dog")
    if write is berkeley:
        assert sorted(open_splits(tmp_path)["val"].names) == [*VAL]


def objects(folder, *, classes):
    """Photos, drawings of the outlines, and matrices: numbers of objects, classes, and a table of the objects."""
    for place in ("images", "labels", "overlay"):
        (folder / place).mkdir(parents=True)
    for name in NAMES:
        picture(name).save(folder / f"images/{name}.png")
        picture(name).rotate(180).save(folder / f"overlay/{name}.png")
        numbers = truth(name).astype(float) * 7
        table = {"inst_type": np.ones((9, 1)), "inst_centroid": np.ones((9, 2))}
        maps = {"inst_map": numbers, **({"type_map": truth(name).astype(float)} if classes else {})}
        savemat(folder / f"labels/{name}.mat", maps | table)


def test_the_matrix_that_numbers_no_objects_counts(tmp_path):
    """Drawings beside the matrices are no masks, although they are pictures."""
    objects(tmp_path, classes=True)
    with collecting() as complaints:
        splits = open_splits(tmp_path)
    found = {name: part[index].labels for part in splits.values() for index, name in enumerate(part.names)}
    assert found.keys() == {*NAMES}
    for name, labels in found.items():
        np.testing.assert_array_equal(labels, truth(name))
    lines = [complaint.line for complaint in complaints]
    assert any("type_map of MATLAB files counts; left out are inst_map, inst_type" in line for line in lines)
    assert any("overlay/s0.png" in line and "left out" in line for line in lines)


def test_numbers_of_objects_alone_are_no_label_map(tmp_path):
    objects(tmp_path, classes=False)
    with pytest.raises(InputError, match=r"holds inst_map .*save the label map as the only matrix"):
        open_splits(tmp_path)


def test_matrices_of_tags_are_no_masks(tmp_path):
    """Half of the pictures have tags in place of a mask: they are named as pictures without one, with a remedy."""
    (tmp_path / "photos").mkdir()
    for name in NAMES:
        picture(name).save(tmp_path / f"photos/{name}.jpg")
        kind = "pixel-level" if name in NAMES[:4] else "image-level"
        (tmp_path / "annotations" / kind).mkdir(parents=True, exist_ok=True)
        content = {"groundtruth": truth(name)} if name in NAMES[:4] else {"tags": np.ones((1, 3), np.uint8)}
        savemat(tmp_path / f"annotations/{kind}/{name}.mat", content)
    with pytest.raises(InputError, match=r"no mask for photos/s4.jpg .*background = \"\" to leave them out"):
        open_splits(tmp_path)
    (tmp_path / "schema.toml").write_text('[layout]\nbackground = ""\n')
    splits = open_splits(tmp_path)
    found = {name: part[index].labels for part in splits.values() for index, name in enumerate(part.names)}
    assert found.keys() == {*NAMES[:4]}
    for name, labels in found.items():
        np.testing.assert_array_equal(labels, truth(name))
