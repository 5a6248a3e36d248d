"""Writing of several files that get their names only together, once they are complete and have been tried."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atrous.errors import OutputError


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside `out` whose files move beside it when the block ends without an error.

    The file that is named like `out` moves last. After an error, a full disk or an interrupt the folder is removed, and
    older files are what they were. A package of Core ML, which is a folder, is replaced like a file.

    Raises:
        InputError: If the folder cannot be created, or the files cannot be moved.
    """
    folder = out.parent / f".{out.stem[:32]}.{secrets.token_hex(4)}.part"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir() and not _is_package(out):
            raise IsADirectoryError(0, "it is a folder")
        folder.mkdir()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        said = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {out}: {said}; choose another output folder") from error
    try:
        yield folder
        for path in sorted(folder.iterdir(), key=lambda path: path.name == out.name):
            _move(path, out.parent / path.name)
    except OSError as error:
        said = error.strerror or error
        raise OutputError(f"cannot write {out}: {said}; free some space or choose another output folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(path: Path, target: Path) -> None:
    """Give a file or a package its name; an older package goes first, as no folder replaces one with content."""
    older = path.with_name(f".{path.name}.older")
    try:
        if target.is_dir():
            target.replace(older)
        path.replace(target)
    except BaseException:  # an interrupt, too
        if older.is_dir() and not target.exists():
            older.replace(target)
        raise


def _is_package(path: Path) -> bool:
    """Return True for a folder that is a package of Core ML, and nothing else that somebody keeps."""
    return path.suffix.lower() == ".mlpackage" and {entry.name for entry in path.iterdir()} == {"Data", "Manifest.json"}
