"""Outputs of a prediction by Ray: a tree of files on a disk or on remote storage, or shards of Parquet."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from atrous.inference.output_files import PredictionFiles
from atrous.scale.job import FOLDER, Job
from atrous.scale.storage import Location

_ROW = [("id", pa.int64()), ("uri", pa.string()), ("name", pa.string()), ("problem", pa.string())]


@runtime_checkable
class Outputs(Protocol):
    """The way outputs are kept.

    Attributes:
        schema: Columns of the row of a picture.
        job: Files of the prediction.
        rows_per_file: Smallest number of rows in a Parquet file, but for the last ones; None leaves it to Ray.
    """

    schema: pa.Schema
    job: Job
    rows_per_file: int | None

    def folder(self, temporary: Path) -> Path:
        """Folder that the files of a batch are written to."""
        ...

    def keep(self, files: PredictionFiles, *, folder: Path) -> dict[str, Any]:
        """Keep the files of a picture; returns the columns that hold them."""
        ...


class TreeOutputs:
    """A PNG file for each picture, as `predict` writes them without Ray.

    Args:
        out: Folder of the outputs.
    """

    schema = pa.schema(_ROW)

    def __init__(self, out: Location) -> None:
        self.job = Job(out, rows=out.child(f"{FOLDER}/rows"))
        self.rows_per_file: int | None = None

    def folder(self, temporary: Path) -> Path:
        """The folder of the outputs itself, where it is on a disk."""
        return Path(self.job.out.path) if self.job.out.is_local else temporary

    def keep(self, files: PredictionFiles, *, folder: Path) -> dict[str, Any]:
        """Upload the files of a picture, unless they are written to their place at once."""
        if not self.job.out.is_local:
            for path in _written(files):
                self.job.out.child(path.relative_to(folder).as_posix()).write(path.read_bytes())
        return {}


class ShardOutputs:
    """Parquet files with the bytes of the PNG files of many pictures; the shards are the rows of the prediction.

    The row of a picture holds its label map, overlay and GeoTIFF as bytes; null where there is none.

    Args:
        out: Folder of the shards.
        rows_per_file: Number of pictures in a shard, at least.
    """

    schema = pa.schema([*_ROW, *((name, pa.large_binary()) for name in ("labels", "overlay", "geo_labels"))])

    def __init__(self, out: Location, rows_per_file: int) -> None:
        self.job = Job(out, rows=out)
        self.rows_per_file: int | None = rows_per_file

    def folder(self, temporary: Path) -> Path:
        """The temporary folder."""
        return temporary

    def keep(self, files: PredictionFiles, *, folder: Path) -> dict[str, Any]:  # noqa: ARG002
        """Read the files of a picture into columns."""
        paths = {"labels": files.labels, "overlay": files.overlay, "geo_labels": files.geo_labels}
        return {name: path.read_bytes() for name, path in paths.items() if path is not None and path.is_file()}


def _written(files: PredictionFiles) -> list[Path]:
    probabilities = files.labels.with_name(f"{files.labels.stem}_probabilities.npy")
    paths = (files.labels, files.overlay, files.geo_labels, probabilities)
    return [path for path in paths if path is not None and path.is_file()]
