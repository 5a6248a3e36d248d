"""`atrous predict WEIGHTS FOLDER --watch`: pictures are predicted as they arrive in a folder."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from atrous.data.formats.image_names import natural_key
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.errors import InputError
from atrous.inference.output_files import PredictionFiles, plan_files

PAUSE = 1.0
"""Seconds between two looks at a folder."""

Signature = tuple[int, int]
"""Length in bytes and time of the last change of a file."""


class WatchedFolder:
    """A folder into which pictures are put, and the outputs of those that have been predicted.

    A picture counts as complete when it has not changed from one look to the next. One whose outputs are newer than it
    is done, also if an earlier run has made them; one that failed is tried again when it has changed.

    Args:
        folder: The folder; folders in it are not looked into.
        out: Folder of the outputs.
        overlays: If true, overlays belong to the outputs.

    Raises:
        InputError: If there is no such folder, or it is the one of the outputs.
    """

    def __init__(self, folder: Path, *, out: Path, overlays: bool) -> None:
        if not folder.is_dir():
            raise InputError(f"--watch looks into a folder, and {folder} is none; create it")
        if out.resolve() == folder.resolve():
            raise InputError(f"{out} is the folder that is watched; choose another one for the outputs")
        self._folder, self._out, self._overlays = folder, out, overlays
        self._before: dict[Path, Signature] = {}
        self._tried: dict[Path, Signature] = {}

    def complete(self) -> list[PredictionFiles]:
        """Pictures that are complete and neither done nor tried as they are, with their outputs; looks once."""
        now = self._pictures()
        pictures = [path for path, signature in now.items() if self._before.get(path) == signature]
        self._before = now
        if not pictures:
            return []
        # Names follow from all pictures: two of one name keep their suffixes.
        named = {files.source: files for files in plan_files([*now], out=self._out, overlays=self._overlays)}
        found = [named[path] for path in pictures if self._tried.get(path) != now[path] and not _is_done(named[path])]
        self._tried.update({files.source: now[files.source] for files in found})
        return found

    def _pictures(self) -> dict[Path, Signature]:
        found: dict[Path, Signature] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if path.suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith(".") and entry.is_file():
                        status = entry.stat()
                        found[path] = status.st_size, status.st_mtime_ns
        except FileNotFoundError:  # a file, or the folder, went away meanwhile
            pass
        except OSError as error:
            raise InputError(f"cannot look into {self._folder}: {error.strerror}; check its access rights") from error
        return {path: found[path] for path in sorted(found, key=natural_key)}


def arrivals(folder: WatchedFolder) -> Iterator[list[PredictionFiles]]:
    """Yield complete pictures as they arrive, some at a time, without end."""
    while True:
        if found := folder.complete():
            yield found
        else:
            time.sleep(PAUSE)


def _is_done(files: PredictionFiles) -> bool:
    outputs = [files.labels, *([] if files.overlay is None else [files.overlay])]
    try:
        return all(output.stat().st_mtime_ns >= files.source.stat().st_mtime_ns for output in outputs)
    except FileNotFoundError:
        return False
