"""JPEGs whose end is missing: refused with the way out, or read as far as they go; masks and other files never."""

import logging

import numpy as np
import pytest
from PIL import Image

from atrous.data.formats.images import read_image, read_mask
from atrous.data.formats.truncated import accept_truncated
from atrous.errors import InputError


@pytest.fixture
def accepted():
    accept_truncated(accepted=True)
    yield
    accept_truncated(accepted=False)


def cut(folder, suffix, *, share=0.5, tail=b""):
    """A picture of vertical stripes without the end of its file, and the whole of it."""
    stripes = Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 96, 3), np.uint8))
    stripes.save(folder / f"whole{suffix}")
    content = (folder / f"whole{suffix}").read_bytes()
    (folder / f"cut{suffix}").write_bytes(content[: int(share * len(content))] + tail)
    return folder / f"cut{suffix}", read_image(folder / f"whole{suffix}")


def test_a_truncated_jpeg_names_the_option(tmp_path):
    path, _ = cut(tmp_path, ".jpg")
    with pytest.raises(InputError, match=r"truncated.*replace it, or read what is there by --truncated"):
        read_image(path)


@pytest.mark.usefixtures("accepted")
def test_what_is_there_is_read_and_the_rest_is_flat(tmp_path, caplog):
    path, whole = cut(tmp_path, ".jpg")
    with caplog.at_level(logging.WARNING):
        found = read_image(path)
        read_image(path)
    assert [record.getMessage() for record in caplog.records] == [f"{path} is truncated: what is missing is grey"]
    np.testing.assert_array_equal(found[:40], whole[:40])
    assert found.shape == whole.shape
    assert (found[-16:] == found[-16:, :1]).all()


@pytest.mark.usefixtures("accepted")
def test_other_files_are_what_they_were(tmp_path):
    path, whole = cut(tmp_path, ".jpg", share=1, tail=b"further data of a camera")
    np.testing.assert_array_equal(read_image(path), whole)
    path, _ = cut(tmp_path, ".png")
    for read in (read_image, read_mask):
        with pytest.raises(InputError, match="cannot read"):
            read(path)
