"""Label PNGs, read back with Pillow."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from atrous.data.formats.images import read_labels
from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.report.label_png import label_rows, write_label_png


def header(path):
    """Bit depth and colour type out of the PNG header."""
    return struct.unpack_from(">BB", path.read_bytes(), 24)


def test_classes_and_ignore_come_back_with_their_colours(tmp_path):
    labels = np.array([[0, 1, 20], [255, 15, 3]], np.int64)
    write_label_png(tmp_path / "street.png", labels, PASCAL_VOC)
    assert header(tmp_path / "street.png") == (8, 3)
    with Image.open(tmp_path / "street.png") as image:
        assert image.mode == "P"
        assert np.asarray(image).tolist() == labels.tolist()
        palette = np.array(image.getpalette()).reshape(-1, 3)
        assert palette[: len(PASCAL_VOC)].tolist() == [list(color) for color in PASCAL_VOC.palette]
        assert palette[255].tolist() == [255, 255, 255]
        assert np.asarray(image.convert("RGB"))[1, 1].tolist() == [192, 128, 128]


def test_few_classes_are_not_packed_into_bits(tmp_path):
    write_label_png(tmp_path / "a.png", np.array([[0, 1]], np.uint8), LabelSpace(("a", "b"), ignore=2))
    assert header(tmp_path / "a.png") == (8, 3)


@pytest.mark.parametrize(
    ("space", "values", "expected"),
    [
        (LabelSpace.unnamed(255), (0, 254, 255), (8, 3)),
        (LabelSpace.unnamed(256), (0, 255, 65535), (16, 0)),
        (LabelSpace.unnamed(256), (0, 1, 255), (16, 0)),
        (LabelSpace(("a", "b"), ignore=1000), (0, 1, 1000), (16, 0)),
        (LabelSpace(("a", "b"), ignore=1000), (0, 1, 1), (16, 0)),
    ],
)
def test_the_format_follows_from_the_label_space(tmp_path, space, values, expected):
    write_label_png(tmp_path / "a.png", np.array([values]), space)
    assert header(tmp_path / "a.png") == expected
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [list(values)]


@settings(max_examples=40)
@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 299)))
def test_sixteen_bits_round_trip(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("maps") / "a.png"
    write_label_png(path, labels, LabelSpace.unnamed(300))
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), labels)


def test_a_foreign_value_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "street.png"
    write_label_png(path, np.array([[1]], np.uint8), PASCAL_VOC)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"street\.png: value 21 is neither"):
        write_label_png(path, np.array([[21]], np.uint8), PASCAL_VOC)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*; choose another output folder"):
        write_label_png(tmp_path / "file" / "a.png", np.array([[1]], np.uint8), PASCAL_VOC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


@settings(max_examples=30)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    classes=st.sampled_from([1, 2, 21, 255, 256, 1000]),
    ignore=st.sampled_from([255, 256, 40000]),
    band=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_it_reads_as_what_is_written_at_once(folder, size, classes, ignore, band, seed):
    space = LabelSpace(LabelSpace.unnamed(classes).names, ignore=max(ignore, classes))
    labels = np.random.default_rng(seed).integers(0, classes + 1, size)
    labels[labels == classes] = space.ignore
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
