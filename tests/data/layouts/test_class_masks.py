"""Pictures with several masks: instances, a mask for each class, folders called after classes."""

import numpy as np
import pytest

from atrous.data.dataset import open_data, open_splits
from atrous.data.doctor import diagnose
from atrous.data.doctor.fix import write_schema_fix, write_split_fix
from atrous.data.schema import Schema, write_schema
from atrous.labels import LabelSpace
from data.layouts.test_messy_folders import whose
from fakes.layouts import NAMES, SIZE, VAL, truth
from fakes.messy_folders import MANY_MASKS, animals


@pytest.mark.parametrize("name", MANY_MASKS)
@pytest.mark.parametrize("fix", [False, True], ids=["as it is", "after --fix"])
def test_labels_and_names(tmp_path, name, fix):
    write, classes = MANY_MASKS[name]
    write(tmp_path)
    diagnosis = diagnose(tmp_path)
    assert diagnosis.errors == ()
    if fix:
        assert [*write_schema_fix(diagnosis), *write_split_fix(diagnosis)]
    data = open_data(tmp_path)
    assert data.labels.names == classes
    found = [whose(data[index].image) for index in range(len(data))]
    kept = [one for one in NAMES if one in found]
    assert sorted(found) == kept
    assert len(kept) == len(NAMES)
    for index, one in enumerate(found):
        np.testing.assert_array_equal(data[index].labels, truth(one) if len(classes) == 3 else truth(one) > 0)
    if name == "endings of classes" and not fix:
        assert data.names == [*NAMES]  # which are unique: no folders before them
    if name == "folders of classes":
        val = open_splits(tmp_path)["val"]
        assert sorted(whose(val[index].image) for index in range(len(val))) == [*VAL]


@pytest.mark.parametrize("fix", [False, True], ids=["as it is", "after --fix"])
def test_folders_are_called_after_classes(tmp_path, fix):
    animals(tmp_path)
    diagnosis = diagnose(tmp_path)
    assert diagnosis.errors == ()
    lines = " ".join(finding.line for finding in diagnosis.findings)
    assert "classes are called after their folders (cat, dog)" in lines
    assert "masks in nothing hold only 0" in lines
    assert "1 pictures have further masks, which are joined" in lines
    assert "no sample uses" not in lines
    if fix:
        assert [*write_schema_fix(diagnosis), *write_split_fix(diagnosis)]
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "cat", "dog")
    for index in range(len(data)):
        name = whose(data[index].image)
        label = (1, 1, 2, 2, 0, 0)[NAMES.index(name)]
        expected = np.full(SIZE, label) if name == "s0" else label * (truth(name) > 0)
        np.testing.assert_array_equal(data[index].labels, expected)


def test_a_schema_of_one_class_takes_all_masks(tmp_path):
    animals(tmp_path)
    write_schema(tmp_path / "schema.toml", Schema(LabelSpace(("background", "animal"))))
    data = open_data(tmp_path)
    assert set(np.unique(data[0].labels)) <= {0, 1}
    assert data.labels.names == ("background", "animal")
