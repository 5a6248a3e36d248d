"""Folders of MATLAB label maps: structs, cells of structs, and a list of names."""

import numpy as np
import pytest

from atrous.data.dataset import open_data, open_splits
from atrous.data.schema import Schema, write_schema
from atrous.labels import LabelSpace
from data.layouts.test_messy_folders import whose
from fakes.layouts import NAMES, VAL, truth
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
