"""Parquet files of Hugging Face data sets: a column of pictures and one of masks, as bytes of files.

data/train-00000-of-00001.parquet     image: {bytes, path}, label: {bytes, path}
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atrous.data.formats.decoding import decoding
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.unpacked import Source, suffix_of, unpacked_contents
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import image_and_mask, meaning, split_of
from atrous.errors import InputError
from atrous.extras import require

_BATCH = 16


def parquet(tree: Tree) -> Contents | None:
    """The pictures and masks of Parquet files; None where there are no such files.

    Raises:
        InputError: If pyarrow is missing, a file cannot be read, or it has no two columns of pictures.
    """
    files = tree.with_suffix(".parquet", ".pq")
    if not files:
        return None
    reader = require("pyarrow.parquet", extra="parquet", purpose=f"reading {tree.root / files[0]}")

    def items() -> Iterator[tuple[str, str, bytes, bytes]]:
        number = 0
        for path in files:
            split = split_of(path.stem) or next((meaning(part).split for part in path.parent.parts), "")
            for image, mask in _rows(reader, tree.root / path):
                yield f"{number:06}", split, image, mask
                number += 1

    return unpacked_contents(tree, Source("Parquet", files, items))


def _rows(reader: Any, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Bytes of picture and mask of every row."""
    with decoding(path), reader.ParquetFile(path) as file:
        columns: list[str] | None = None
        names = [field.name for field in file.schema_arrow]
        for batch in file.iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                found = {name: content for name in names if (content := _bytes(row[name])) is not None}
                columns = columns or _columns([*found], path=path, names=names)
                image, mask = (found.get(column) for column in columns)
                if image is None or mask is None:
                    raise InputError(f"{path}: a row lacks its picture or mask; correct the file")
                yield image, mask


def _columns(found: list[str], *, path: Path, names: list[str]) -> list[str]:
    columns = image_and_mask(found)
    if columns is None:
        raise InputError(
            f"{path} has the columns {', '.join(names)!s:.200}, and not one of pictures and one of masks (mask, label, "
            "annotation) as bytes of files; export the labels as PNG masks"
        )
    return [*columns]


def _bytes(value: Any) -> bytes | None:
    """The bytes of a picture; None where a value is something else."""
    content = value.get("bytes") if isinstance(value, dict) else value
    return content if isinstance(content, bytes) and suffix_of(content) else None
