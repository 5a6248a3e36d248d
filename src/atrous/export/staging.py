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
    older files are what they were.

    Raises:
        InputError: If the folder cannot be created, or the files cannot be moved.
    """
    folder = out.parent / f".{out.stem[:32]}.{secrets.token_hex(4)}.part"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        folder.mkdir()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        said = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {out}: {said}; choose another output folder") from error
    try:
        yield folder
        for path in sorted(folder.iterdir(), key=lambda path: path.name == out.name):
            path.replace(out.parent / path.name)
    except OSError as error:
        said = error.strerror or error
        raise OutputError(f"cannot write {out}: {said}; free some space or choose another output folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
