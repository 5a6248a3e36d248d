"""Changed bytes of a MATLAB file are one line, never the end of the process; sound files of any make are read."""

import io

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from atrous.data.formats.matlab import read_mat
from atrous.data.formats.matlab_structure import check_structure
from atrous.errors import InputError

LABELS = np.arange(48, dtype=np.uint8).reshape(6, 8) % 5


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"])
def test_sound_matrices_are_read(dtype, compressed, tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"labels": LABELS.astype(dtype)}, do_compression=compressed)
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat"), LABELS)


@pytest.mark.parametrize("compressed", [False, True])
def test_structs_cells_texts_and_sparse_matrices_pass(compressed, tmp_path):
    cells = np.empty((2, 1), object)
    cells[:, 0] = [scipy.sparse.csc_array(LABELS > 2), np.zeros((0, 0))]
    content = {"GTcls": {"Segmentation": LABELS, "Boundaries": cells, "name": "a text"}, "names": cells}
    scipy.io.savemat(tmp_path / "a.mat", content, do_compression=compressed)
    check_structure(tmp_path / "a.mat")


@pytest.mark.parametrize(("largest", "kind"), [(255, np.uint8), (256, np.uint16)])
def test_the_largest_id_decides_between_8_and_16_bits(largest, kind, tmp_path):
    values = LABELS.astype("u2")
    values[0, 0] = largest
    scipy.io.savemat(tmp_path / "a.mat", {"labels": values})
    found = read_mat(tmp_path / "a.mat")
    assert (found[0, 0], found.dtype) == (largest, kind)


@pytest.mark.parametrize("dtype", ["u4", "f8"])
def test_ids_of_more_than_16_bits_are_refused_and_never_wrapped(dtype, tmp_path):
    for largest in (65535, 65536):
        values = LABELS.astype(dtype)
        values[0, 0] = largest
        scipy.io.savemat(tmp_path / "a.mat", {"labels": values})
        if largest == 65535:
            assert read_mat(tmp_path / "a.mat").max() == 65535
        else:
            with pytest.raises(InputError, match=r"outside the integers 0\.\.65535"):
                read_mat(tmp_path / "a.mat")


def test_cells_inside_cells_are_read_to_a_depth_of_eight(tmp_path):
    for levels in (8, 9):
        value = LABELS
        for _ in range(levels):
            cell = np.empty((1, 1), object)
            cell[0, 0] = value
            value = cell
        scipy.io.savemat(tmp_path / "a.mat", {"labels": value})
        if levels == 8:
            check_structure(tmp_path / "a.mat")
        else:
            with pytest.raises(InputError, match=r"a\.mat"):
                check_structure(tmp_path / "a.mat")


def test_the_files_that_end_the_process_are_named(shared):
    files = sorted((shared / "cases" / "robustness").glob("segfault_*.mat"))
    assert len(files) == 3
    for path in files:
        with pytest.raises(InputError, match=path.name):
            read_mat(path)


def test_changed_bytes_of_the_tags_are_refused_or_harmless(tmp_path):
    """Only what passes the check reaches SciPy; it must then read the file or refuse it."""
    written = io.BytesIO()
    scipy.io.savemat(written, {"labels": LABELS})
    generator = np.random.default_rng(0)
    path = tmp_path / "a.mat"
    refused = 0
    for _ in range(150):
        content = bytearray(written.getvalue())
        for place in generator.integers(128, 200, 5):
            content[place] = generator.integers(256)
        path.write_bytes(content)
        try:
            check_structure(path)
        except InputError:
            refused += 1
        else:
            try:
                read_mat(path)
            except InputError:
                continue
    assert refused > 100
