"""Text files with one entry per line."""

from pathlib import Path

from atrous.data.complaints import complain


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not blank, stripped, with their numbers from 1.

    Raises:
        InputError: If the file cannot be read, is not UTF-8 text, or has no lines.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        complain(f"cannot read {path}: {error.strerror or error}; replace the list", kind="list")
        return []
    except UnicodeDecodeError:
        complain(f"{path} is not UTF-8 text; save the list as UTF-8", kind="list")
        return []
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        complain(f"{path} is empty; list at least one entry or delete the file", kind="list")
    return lines


def read_names(path: Path) -> list[str]:
    """The names in a list of a published data set: one per line, each once, and no path.

    Raises:
        InputError: If the list cannot be read, or a line is something else.
    """
    names: dict[str, int] = {}
    for number, line in read_lines(path):
        if line.split() != [line] or "/" in line or "\\" in line or line.startswith("."):
            wrong = f"{line!r} is not a name; the list is not the one of this data set"
        elif line in names:
            wrong = f"{line!r} was listed before, in line {names[line]}; delete one"
        else:
            names[line] = number
            continue
        complain(f"{path} line {number}: {wrong}", kind="list")
    return list(names)
