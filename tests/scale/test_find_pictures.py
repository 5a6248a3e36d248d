"""Pictures found on storage of fsspec and pyarrow, against the same folders listed by `image_files`."""

import io
import os

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from atrous.data.formats.image_names import image_files
from atrous.errors import InputError
from atrous.scale.find_pictures import find_pictures
from atrous.scale.index import Index, write_index
from atrous.scale.storage import open_location, remote_uri

NAMES = ("a10.png", "a9.png", "b.JPG", "notes.txt", ".hidden.png", "in/c.webp", "in/deep/d[1].tif")


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    return tmp_path / "pictures"


@pytest.mark.parametrize("pattern", ["", "/*", "/**/*", "/*/*", "/a*.png", "/in/*/d?1].tif", "/[!a]*"])
@pytest.mark.parametrize("scheme", ["file://", "memory:/"])
def test_addresses_find_what_paths_find(scheme, pattern, folder):
    if scheme == "memory:/":
        memory = fsspec.filesystem("memory")
        memory.put(f"{folder}/", f"{folder}/", recursive=True)
    expected = image_files([f"{folder}{pattern}"])
    found = find_pictures([f"{scheme}{folder}{pattern}"])
    assert [os.path.normpath(picture.uri.partition(":/")[2]).replace("//", "/") for picture in found] == [
        str(path) for path in expected
    ]
    assert [picture.size for picture in found] == [path.stat().st_size for path in expected]


def test_a_file_is_taken_as_it_is_and_counts_once(folder):
    path = folder / "notes.txt"
    assert [picture.uri for picture in find_pictures([f"file://{path}", str(path), str(path)])] == [
        str(path),
        f"file://{path}",
    ]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("file:///nowhere/x.png", "no pictures at file:///nowhere/x.png; check the spelling"),
        ("nothing://bucket/x", "cannot open nothing://bucket/x: Protocol not known: nothing"),
        ("s3://key:secret@bucket/x", "s3://... holds a key; keys belong in the environment"),
        ("https://example.org/a.png", "predict them without --ray"),
        ("table.parquet", "cannot read table.parquet: "),
    ],
)
def test_bad_addresses_are_one_line(address, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError) as caught:
        find_pictures([address])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_rows_of_parquet_files_are_pictures(tmp_path):
    file = io.BytesIO()
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(file, "PNG")
    structs = [{"bytes": file.getvalue(), "path": f"{number}.png"} for number in range(5)]
    pq.write_table(pa.table({"image": structs, "label": range(5)}), tmp_path / "set.parquet", row_group_size=2)
    found = find_pictures([f"{tmp_path}/*.parquet"])
    assert [picture.uri for picture in found] == [f"{tmp_path}/set.parquet#{row}" for row in range(5)]
    assert len({picture.path for picture in found}) == 5
    pq.write_table(pa.table({"a": [b""], "b": [b""]}), tmp_path / "two.parquet")
    with pytest.raises(InputError, match=r"two.parquet has 2 columns of bytes among a, b; one is needed"):
        find_pictures([str(tmp_path / "two.parquet")])


def test_the_index_keeps_order_sizes_and_unique_names(folder, tmp_path):
    found = find_pictures([str(folder), f"{folder}/**/*"])
    location = open_location(str(tmp_path / "index.parquet"))
    write_index(location, found)
    rows = [*Index(location).rows(range(len(found)))]
    assert [row["uri"] for row in rows] == [picture.uri for picture in found]
    assert [row["size"] for row in rows] == [os.stat(picture.uri).st_size for picture in found]
    assert [row["name"] for row in rows] == ["a9", "a10", "b", "c", "d[1]"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("s3:/bucket/a", "s3://bucket/a"),
        ("out/a", "out/a"),
        ("s3://b", "s3://b"),
        ("/a:/b", "/a:/b"),
        ("file:/a", "file:///a"),
    ],
)
def test_addresses_that_were_taken_for_paths_are_repaired(path, uri):
    assert remote_uri(path) == uri
