"""Several matrices of one size in a MATLAB file: by whole words of their names one is the label map, or none is."""

import numpy as np
import pytest
import scipy.io

from atrous.data.formats.matlab import named_matrix, read_mat
from atrous.errors import InputError

LABELS = np.arange(48, dtype=np.uint8).reshape(6, 8) % 5


def written(path, names):
    """The first name is that of the label map, the others those of matrices with other values."""
    scipy.io.savemat(path, {name: LABELS + 7 * place for place, name in enumerate(names)})
    return path


@pytest.mark.parametrize(
    "names",
    [
        ("type_map", "inst_map"),
        ("typeMap", "instMap"),
        ("object_classes", "inst_map"),
        ("labelIds", "instanceIds"),
        ("class_ids", "ids"),
        ("instrument_mask", "instance_mask"),
        ("objective_labels", "objects"),
        ("labelmap", "instancemap"),
        ("GT2", "OBJECT_MAP"),
    ],
)
def test_the_map_of_labels_beside_numbers_of_objects_counts(tmp_path, names):
    path = written(tmp_path / "a.mat", names)
    np.testing.assert_array_equal(read_mat(path), LABELS)
    assert named_matrix(path) == (names[0], names[1:])


@pytest.mark.parametrize(
    "names",
    [
        ("inst_map", "gray"),
        ("inst_map", "height_map"),
        ("instrument_mask", "picture"),
        ("object_classes", "height_map"),
        ("objective_map", "labels"),
        ("inst_map", "mask_id"),
        ("inst_map", "type_map", "depth"),
    ],
)
def test_names_that_tell_no_label_map_are_the_users_decision(tmp_path, names):
    path = written(tmp_path / "a.mat", names)
    with pytest.raises(InputError) as told:
        read_mat(path)
    found = ", ".join(f"{name} (uint8)" for name in names)
    assert str(told.value) == f"{path} holds {found}; save the label map as the only matrix of the file"
    assert named_matrix(path) == ("", ())
