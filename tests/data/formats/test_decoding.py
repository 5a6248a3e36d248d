"""Errors of decoders as one line that gives the true reason."""

import errno
import os

import pytest

from atrous.data.formats.decoding import decoding
from atrous.errors import InputError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("bad\n header"), "cannot read a.tif: bad header; the file may be damaged, replace it"),
        (OSError("image file is truncated"), "image file is truncated; the file may be damaged"),
        (
            OSError(errno.EIO, os.strerror(errno.EIO)),
            "cannot read a.tif: Input/output error; check the file and its disk",
        ),
        (MemoryError(), "cannot read a.tif: there is too little memory"),
        (KeyError(), "cannot read a.tif: KeyError; the file may be damaged"),
        (InputError("a.tif has 3 pages; a mask has one"), "a.tif has 3 pages; a mask has one"),
    ],
)
def test_the_line_gives_the_reason(error, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught, decoding(tmp_path.relative_to(tmp_path) / "a.tif"):
        raise error
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_interrupt_is_no_damage(tmp_path):
    with pytest.raises(KeyboardInterrupt), decoding(tmp_path / "a.tif"):
        raise KeyboardInterrupt
