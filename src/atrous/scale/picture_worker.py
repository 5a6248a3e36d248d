"""The worker of a prediction by Ray: one process with one model, which predicts batches of pictures."""

import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from atrous.data.formats.images import MAX_PIXELS
from atrous.data.formats.windows import stored_size
from atrous.errors import InputError, reason
from atrous.inference.output_files import PredictionFiles
from atrous.inference.predict_files import TilingRule, predict_files
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.scale.find_pictures import TABLE_SUFFIX, picture_column
from atrous.scale.index import Index
from atrous.scale.outputs import Outputs
from atrous.scale.storage import is_remote, open_location

_READS = 16
"""Pictures of remote storage that are read at a time."""

_WAITS = (1, 2, 4, 8, 16, 32)
"""Seconds between tries to read a picture from a server that does not answer."""


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker, those of `predict_files`.

    Attributes:
        make_predictor: Builds the predictor in the worker's process.
        save: Writes a label map.
        paint: Draws an overlay.
        overlays: If true, overlays are written.
        probabilities: If true, results hold probabilities for `save`.
        tiles: Rule for pictures that are predicted in tiles.
        max_pixels: Largest picture.
    """

    make_predictor: Callable[[], Predictor]
    save: Callable[[Result, Path], None] = Result.save
    paint: Callable[[Result], Image.Image] = Result.overlay
    overlays: bool = False
    probabilities: bool = False
    tiles: TilingRule | None = None
    max_pixels: int = MAX_PIXELS


class PictureWorker:
    """Predicts the pictures of an index by their ids.

    Args:
        settings: Settings of the prediction.
        outputs: The way outputs are kept.
    """

    def __init__(self, settings: WorkerSettings, outputs: Outputs) -> None:
        self._settings, self._outputs = settings, outputs
        self._predictor = settings.make_predictor()
        self._index = Index(outputs.job.index)
        self._tables = _PictureTables()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Predict a batch with the column `id`; returns a row per picture, where a bad picture has its problem.

        Raises:
            OSError: If storage does not answer; the pictures are predicted by a later run.
        """
        rows = [*self._index.rows(sorted(batch["id"].to_pylist()))]
        with tempfile.TemporaryDirectory(prefix="atrous-") as folder:
            found = self._predicted(rows, Path(folder))
        return pa.Table.from_pylist(found, schema=self._outputs.schema)

    def _predicted(self, rows: Sequence[Mapping[str, Any]], temporary: Path) -> list[dict[str, Any]]:
        settings, folder = self._settings, self._outputs.folder(temporary / "out")
        with ThreadPoolExecutor(_READS) as pool:
            fetched = [*pool.map(lambda row: self._fetched(row, temporary), rows)]
        by_labels = dict[Path, Mapping[str, Any]]()
        found, plan = list[dict[str, Any]](), list[PredictionFiles]()
        for row, source in zip(rows, fetched, strict=True):
            labels = folder / f"{row['name']}.png"
            overlay = folder / f"{row['name']}_overlay.jpg" if settings.overlays else None
            if isinstance(source, InputError):
                found.append(_row(row, problem=str(source)))
                continue
            by_labels[labels] = row
            plan.append(PredictionFiles(source, labels=labels, overlay=overlay))
        plan.sort(key=lambda files: _size(files.source))  # pictures of one size form batches
        outcomes = predict_files(
            self._predictor,
            plan,
            save=settings.save,
            paint=settings.paint,
            probabilities=settings.probabilities,
            tiles=settings.tiles,
            max_pixels=settings.max_pixels,
        )
        for outcome in outcomes:
            row = by_labels[outcome.files.labels]
            if outcome.problem is None:
                found.append(_row(row) | self._outputs.keep(outcome.files, folder=folder))
            else:
                found.append(_row(row, problem=outcome.problem.replace(str(outcome.files.source), row["uri"])))
        return found

    def _fetched(self, row: Mapping[str, Any], temporary: Path) -> Path | InputError:
        """A local file of a picture, or the problem of this picture."""
        uri = row["uri"]
        table, mark, number = uri.rpartition(f"{TABLE_SUFFIX}#")
        if not mark and not is_remote(uri):
            return Path(uri)
        try:
            content = (
                self._tables.content(table + TABLE_SUFFIX, int(number)) if mark else _patiently(open_location(uri).read)
            )
        except FileNotFoundError:
            return InputError(f"no such file: {uri}")
        except PermissionError as error:
            return InputError(f"cannot read {uri}: {reason(error)}; check the access rights")
        if content is None:
            return InputError(f"{uri} is null, not a picture; replace it")
        path = temporary / "in" / str(row["id"]) / (Path(uri).name if not mark else "picture")
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path


class _PictureTables:
    """Parquet files with the bytes of pictures; the row group that was read last is kept."""

    def __init__(self) -> None:
        self._name, self._firsts, self._column, self._group = "", list[int](), "", -1
        self._values: Any = None
        self._file: Any = None
        self._lock = threading.Lock()

    def content(self, uri: str, row: int) -> bytes | None:
        """Return the bytes in a row; None where they are null."""
        with self._lock:
            return self._read(uri, row)

    def _read(self, uri: str, row: int) -> bytes | None:
        if uri != self._name:
            location = open_location(uri)
            self._file = _patiently(lambda: pq.ParquetFile(location.path, filesystem=location.filesystem))
            self._column, self._name, self._group = picture_column(self._file, name=uri), uri, -1
            lengths = [self._file.metadata.row_group(i).num_rows for i in range(self._file.metadata.num_row_groups)]
            self._firsts = [sum(lengths[:number]) for number in range(len(lengths))]
        group = max(number for number, first in enumerate(self._firsts) if first <= row)
        if group != self._group:
            values = _patiently(lambda: self._file.read_row_group(group, columns=[self._column])).column(0)
            self._values = _bytes_of(values)
            self._group = group
        return self._values[row - self._firsts[group]].as_py()


def _bytes_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The bytes themselves, where a struct holds them."""
    if not pa.types.is_struct(values.type):
        return values
    chunks = [chunk.field("bytes") for chunk in values.chunks]
    return pa.chunked_array(chunks)


def _row(row: Mapping[str, Any], *, problem: str | None = None) -> dict[str, Any]:
    return {"id": row["id"], "uri": row["uri"], "name": row["name"], "problem": problem}


def _size(path: Path) -> tuple[int, int]:
    try:
        return stored_size(path)
    except InputError:
        return (0, 0)  # predicting it names the problem


def _patiently(read: Callable[[], Any]) -> Any:
    """Read from storage; a server that does not answer is asked again for a minute."""
    for wait in _WAITS:
        try:
            return read()
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            time.sleep(wait)
    return read()
