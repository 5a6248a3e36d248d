"""Text files with one entry per line."""

from pathlib import Path

from atrous.errors import InputError


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not blank, stripped, with their numbers from 1.

    Raises:
        InputError: If the file cannot be read, is not UTF-8 text, or has no lines.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save the list as UTF-8") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InputError(f"{path} is empty; list at least one entry or delete the file")
    return lines


def read_names(path: Path) -> list[str]:
    """The names in a list of a published data set: one per line, each once, and no path.

    Raises:
        InputError: If the list cannot be read, or a line is something else.
    """
    names: dict[str, int] = {}
    for number, line in read_lines(path):
        if line.split() != [line] or "/" in line or "\\" in line or line.startswith("."):
            raise InputError(f"{path} line {number}: {line!r} is not a name; the list is not the one of this data set")
        if line in names:
            raise InputError(f"{path} line {number}: {line!r} was listed before, in line {names[line]}; delete one")
        names[line] = number
    return list(names)
