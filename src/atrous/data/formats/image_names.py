"""Finding pictures by file, folder or pattern; their natural order."""

import fnmatch
import glob
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.errors import InputError

_DIGITS = re.compile(r"\d+")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def image_files(patterns: Sequence[str | Path]) -> list[Path]:
    """The pictures of `image_names`, as paths."""
    return [Path(name) for name in image_names(patterns)]


def image_names(patterns: Sequence[str | Path]) -> list[str]:
    """Expand files, folders and patterns to pictures, in natural order (`frame9` before `frame10`), each once.

    A file is taken as it is. A folder gives the pictures directly in it. A pattern (`*`, `?`, `[..]`, `**` for any
    depth of folders) gives the pictures it matches, each folder once even where links lead to it. Pictures are known by
    `IMAGE_SUFFIXES`; hidden files are left out. Names are strings: a hundred thousand paths take a second to make.

    Raises:
        InputError: If one of the patterns gives no picture, or nothing was asked for.
    """
    if not patterns:
        raise InputError("no input given; name a picture, a folder or a pattern such as 'photos/*.jpg'")
    try:
        return _in_natural_order({name for pattern in patterns for name in _expand(str(pattern))})
    except OSError as error:
        raise InputError(f"cannot look for pictures: {error}; check the name and the access rights") from error


def picture_paths(folder: Path) -> list[Path]:
    """All pictures in a folder and its folders, in natural order.

    Raises:
        InputError: If there is none, or no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; the data set is not whole, extract its archive again")
    pictures = (path for path in folder.rglob("*") if _has_picture_name(path.name) and not path.is_dir())
    found = sorted(pictures, key=natural_key)
    if not found:
        raise InputError(f"no pictures in {folder}; the data set is not whole, extract its archive again")
    return found


def natural_key(path: Path) -> str:
    """Sort key that compares runs of digits by value."""
    return _natural_text(path.as_posix())


def _in_natural_order(names: Collection[str]) -> list[str]:
    # Names that differ in digits alone, `a_000001.png`, have numbers of one length each: their order is that of texts,
    # without a key for each. Bytes are translated five times as fast as texts.
    alike = len({os.fsencode(name).translate(_ZEROS) for name in names}) == 1
    return sorted(names) if alike else sorted(names, key=_natural_text)


def _natural_text(name: str) -> str:
    """The name with the length of each number before it; texts compare faster than lists of texts and numbers."""
    name = name if os.sep == "/" else name.replace(os.sep, "/")
    return f"{_DIGITS.sub(_number_text, name)}\0{name}"  # 7 and 07 are the same number


def _number_text(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0")
    return chr(len(digits) + 1) + digits


def _expand(pattern: str) -> list[str]:
    """Names of the pictures that one input gives."""
    if os.path.isfile(pattern):
        return [os.path.normpath(pattern)]
    if os.path.isdir(pattern):
        found = _in_folder(pattern)
        if not found and os.path.isfile(os.path.join(pattern, "last.safetensors")):
            raise InputError(f"{pattern} is a run folder of atrous train and holds no pictures; weights come first")
        if not found:
            raise InputError(f"no pictures directly in {pattern}; for those in its folders ask for '{pattern}/**/*'")
        return found
    folder, name = os.path.split(pattern)
    folder, deep = (os.path.dirname(folder), True) if os.path.basename(folder) == "**" else (folder, False)
    if not glob.has_magic(name) or "**" in folder + name:
        matches = map(os.path.normpath, glob.glob(pattern, recursive=True))
        found = [path for path in matches if _has_picture_name(os.path.basename(path)) and not os.path.isdir(path)]
    else:  # without asking the disk about each file
        tops = sorted(glob.glob(folder)) if glob.has_magic(folder) else [folder or os.curdir]
        fits = re.compile(fnmatch.translate(os.path.normcase(name))).match
        paths = (path for top in tops if os.path.isdir(top) for path in (_below if deep else _in_folder)(top))
        found = [path for path in paths if fits(os.path.normcase(path[path.rfind(os.sep) + 1 :]))]
    if not found:
        raise InputError(f"no picture matches {pattern}; check the spelling (a folder gives its pictures)")
    return found


def _in_folder(folder: str) -> list[str]:
    """Pictures directly in a folder; pipes and links that lead nowhere among them, so that reading names them."""
    beginning = os.path.join(os.path.normpath(folder), "").removeprefix(f".{os.sep}")
    with os.scandir(folder) as entries:
        return [beginning + entry.name for entry in entries if _has_picture_name(entry.name) and not _is_folder(entry)]


def _below(top: str) -> Iterator[str]:
    """Pictures in a folder and its folders; each folder once, however many links lead to it."""
    waiting, seen = [top], set[str]()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen or not os.path.isdir(folder):
            continue
        seen.add(real)
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_folder(entry):
                    waiting += [] if entry.name.startswith(".") else [entry.path]
                elif _has_picture_name(entry.name):
                    yield os.path.normpath(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _has_picture_name(name: str) -> bool:
    return name[name.rfind(".") :].lower() in IMAGE_SUFFIXES and not name.startswith(".")
