"""The index of a prediction: a Parquet file with id, address, size and output name of every picture.

It is written once, before anything is predicted, so that pictures are listed once and keep their ids when a prediction
goes on after an interruption.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from atrous.inference.output_files import output_names
from atrous.scale.find_pictures import FoundPicture
from atrous.scale.storage import Location

ROW_GROUP = 4096
"""Rows of the index that are read at a time."""

_SCHEMA = pa.schema([("id", pa.int64()), ("uri", pa.string()), ("size", pa.int64()), ("name", pa.string())])


def write_index(location: Location, pictures: Sequence[FoundPicture]) -> None:
    """Write the index of pictures; ids are their numbers from 0."""
    names = output_names([picture.path for picture in pictures])
    columns = [
        range(len(pictures)),
        [picture.uri for picture in pictures],
        [picture.size for picture in pictures],
        names,
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    pq.write_table(table, location.path, filesystem=location.filesystem, row_group_size=ROW_GROUP)


class Index:
    """Rows of an index by their ids.

    Args:
        location: The file.
    """

    def __init__(self, location: Location) -> None:
        self._file = pq.ParquetFile(location.path, filesystem=location.filesystem)
        self._group, self._table = -1, _SCHEMA.empty_table()

    def __len__(self) -> int:
        return self._file.metadata.num_rows

    def rows(self, ids: Sequence[int]) -> Iterator[dict[str, object]]:
        """Yield the row of each id, as id, uri, size and name; ids in ascending order are read once."""
        for number in ids:
            group, row = divmod(number, ROW_GROUP)
            if group != self._group:
                self._group, self._table = group, self._file.read_row_group(group)
            yield self._table.slice(row, 1).to_pylist()[0]
