"""Row by row the same file as at once, for any reader."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atrous.data.formats.images import read_labels
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png
from atrous.report.label_rows import label_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


@settings(max_examples=30)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    classes=st.sampled_from([1, 2, 21, 255, 256, 1000]),
    band=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_it_reads_as_what_is_written_at_once(folder, size, classes, band, seed):
    space = LabelSpace.unnamed(classes)
    labels = np.random.default_rng(seed).integers(0, classes, size).astype(np.uint8 if classes <= 255 else np.int16)
    write_label_png(folder / "once.png", labels, space)
    with label_rows(folder / "rows.png", space, size=size) as write:
        for start in range(0, size[0], band):
            write(labels[start : start + band])
    np.testing.assert_array_equal(read_labels(folder / "rows.png"), labels)
    with Image.open(folder / "once.png") as once, Image.open(folder / "rows.png") as rows:
        assert rows.mode == once.mode
        assert rows.getpalette() == once.getpalette()


def test_what_does_not_compress_is_split_and_still_read(tmp_path):
    labels = np.random.default_rng(0).integers(0, 255, (1500, 2000), dtype=np.uint8)
    with label_rows(tmp_path / "a.png", LabelSpace.unnamed(255), size=labels.shape) as write:
        write(labels)
    assert (tmp_path / "a.png").read_bytes().count(b"IDAT") > 1
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)


def test_after_an_error_there_is_no_file(tmp_path):
    def broken():
        with label_rows(tmp_path / "a.png", LabelSpace.unnamed(2), size=(2, 2)) as write:
            write(np.zeros((1, 2), np.uint8))
            raise InputError("the picture ends here")

    with pytest.raises(InputError, match="ends here"):
        broken()
    assert not list(tmp_path.iterdir())
