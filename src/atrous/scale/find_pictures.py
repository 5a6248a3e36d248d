"""Pictures that inputs name: files, folders and patterns, local or on remote storage, and rows of Parquet files."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atrous.data.formats.image_names import image_files
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.errors import InputError, reason
from atrous.scale.storage import Location, is_remote, open_location

TABLE_SUFFIX = ".parquet"


@dataclass(frozen=True)
class FoundPicture:
    """A picture that is to be predicted.

    Attributes:
        uri: Path or address of the file; `FILE.parquet#ROW` for the bytes in a row of a table.
        size: Bytes of the file; for a row, the mean of its row group.
    """

    uri: str
    size: int

    @property
    def path(self) -> str:
        """Absolute path that output files are named after."""
        file, mark, row = self.uri.rpartition(f"{TABLE_SUFFIX}#")
        name = f"{file}{TABLE_SUFFIX}/{int(row):09d}.row" if mark else self.uri
        return f"/{name.replace('://', '/')}" if is_remote(name) else os.path.abspath(name)


def find_pictures(inputs: Sequence[str]) -> list[FoundPicture]:
    """List the pictures of all inputs, each once, in natural order within an input.

    Local files, folders and patterns mean what they mean to `image_files`, and the same on remote storage. A Parquet
    file gives a picture per row.

    Raises:
        InputError: If an input gives no picture, or cannot be listed.
    """
    if not inputs:
        raise InputError("no input given; name a picture, a folder, a pattern such as 'photos/*.jpg' or an address")
    found = dict[str, FoundPicture]()
    local = [name for name in inputs if not is_remote(name) and not name.endswith(TABLE_SUFFIX)]
    for path in image_files(local) if local else ():
        found[str(path)] = FoundPicture(str(path), _local_size(str(path)))
    for name in inputs:
        if name.endswith(TABLE_SUFFIX):
            found.update((row.uri, row) for row in _rows(name))
        elif is_remote(name):
            found.update((picture.uri, picture) for picture in _remote(name))
    return [*found.values()]


def picture_column(file: pq.ParquetFile, *, name: str) -> str:
    """Dotted name of the column that holds the bytes of pictures: binary, or a struct with `bytes`.

    Raises:
        InputError: If there is none, or more than one.
    """
    columns = list[str]()
    for field in file.schema_arrow:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            columns.append(field.name)
        elif pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            columns.append(f"{field.name}.bytes")
    if len(columns) != 1:
        raise InputError(
            f"{name} has {len(columns)} columns of bytes among {', '.join(file.schema_arrow.names)}; "
            "one is needed, which holds the files of pictures"
        )
    return columns[0]


def _local_size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # reading it names the problem


def _rows(name: str) -> Iterator[FoundPicture]:
    """The rows of the Parquet files that a path, an address or a pattern names."""
    for uri in _tables(name):
        try:
            location = open_location(uri)
            file = pq.ParquetFile(location.path, filesystem=location.filesystem)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot read {uri}: {reason(error)}; the file may be damaged, replace it") from error
        column, first = picture_column(file, name=uri), 0
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            sizes = [group.column(index) for index in range(group.num_columns)]
            size = sum(chunk.total_compressed_size for chunk in sizes if chunk.path_in_schema == column)
            for row in range(first, first + group.num_rows):
                yield FoundPicture(f"{uri}#{row}", size // group.num_rows)
            first += group.num_rows


def _tables(name: str) -> list[str]:
    if not is_remote(name) and not _has_magic(name):
        return [name]
    if not is_remote(name):
        folder = open_location(name.partition("*")[0].rpartition("/")[0] or ".")
        paths = [info.path for info in folder.files(recursive=True)]
        fits = _matcher(os.path.abspath(name))
        matches = sorted((path for path in paths if fits(path)), key=_natural)
        if not matches:
            raise InputError(f"no Parquet file matches {name}; check the spelling")
        return matches
    return [picture.uri for picture in _remote_files(name, suffixes=(TABLE_SUFFIX,))]


def _remote(name: str) -> list[FoundPicture]:
    return _remote_files(name, suffixes=tuple(IMAGE_SUFFIXES))


def _remote_files(name: str, *, suffixes: tuple[str, ...]) -> list[FoundPicture]:
    """Files at an address: the file itself, those directly in the folder, or those that match a pattern."""
    address, chain, rest = name.partition("::")
    is_pattern = _has_magic(address)
    fixed = (re.split(r"[*?\[]", address)[0].rpartition("/")[0] if is_pattern else address).rstrip("/")
    location = open_location(f"{fixed}{chain}{rest}")
    try:
        infos = _listed(location, deep=is_pattern)
    except OSError as error:
        raise InputError(f"cannot list {name}: {reason(error)}; check the address and the access rights") from error
    if is_pattern:
        fits = _matcher(location.path + address[len(fixed) :])
        infos = [info for info in infos if fits(info.path)]
    elif len(infos) == 1 and infos[0].path == location.path:
        suffixes = ("",)  # a file is taken as it is
    kept = [info for info in infos if info.path.lower().endswith(suffixes) and not _is_hidden(info.path)]
    if not kept:
        raise InputError(f"no pictures at {name}; check the spelling (a folder gives those directly in it)")
    kept.sort(key=lambda info: _natural(info.path))
    beginning = fixed.removesuffix(location.path)
    return [FoundPicture(f"{beginning}{info.path}{chain}{rest}", info.size or 0) for info in kept]


def _listed(location: Location, *, deep: bool) -> list[Any]:
    info = location.filesystem.get_file_info(location.path)
    return [info] if info.is_file else location.files(recursive=deep)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Match paths by a pattern in which `*` stays in its folder and `**` stands for any folders, also none."""
    parts = [r"(?:[^/]+/)*" if part == "**" else _one_folder(part) + "/" for part in pattern.split("/")]
    expression = re.compile("".join(parts).removesuffix("/"))
    return lambda path: expression.fullmatch(path) is not None


def _one_folder(part: str) -> str:
    """Regular expression of one part of a pattern."""
    marks = {"*": "[^/]*", "?": "[^/]"}
    return "".join(
        marks.get(token) or (token.replace("[!", "[^") if len(token) > 2 else re.escape(token))
        for token in re.findall(r"\[[^\]/]+\]|.", part)
    )


def _has_magic(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def _is_hidden(path: str) -> bool:
    return path.rpartition("/")[2].startswith(".")


def _natural(path: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)]
