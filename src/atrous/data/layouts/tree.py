"""The files of a folder, looked at once: what is where, without opening a picture."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from atrous.data.formats.image_names import natural_key
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.formats.json_files import read_value
from atrous.errors import InputError

_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx", "@eadir", "$recycle.bin"})
_PROJECT_NAMES = frozenset({"schema.toml", "class_weights.json", "masks_fixed"})
"""Files that `atrous doctor --fix` writes."""
_LARGEST_JSON = 2**31


@dataclass(frozen=True)
class Tree:
    """The files below a folder.

    Attributes:
        root: The folder.
        files: Paths below it, in natural order; system files and hidden ones are apart.
        system: Hidden files and those that operating systems leave, also below the root.
        links: Links to folders, which are not followed.
        background: Pattern of the pictures that are background where they have no mask, as `schema.toml` declares it;
            None where it declares nothing.
    """

    root: Path
    files: tuple[Path, ...]
    system: tuple[Path, ...]
    links: tuple[Path, ...]
    background: str | None = None

    @cached_property
    def pictures(self) -> tuple[Path, ...]:
        """The files whose suffix is that of a picture."""
        return tuple(path for path in self.files if path.suffix.lower() in IMAGE_SUFFIXES)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.files:
            found[folded(path.name)].append(path)
        return found

    @cached_property
    def _pictures_by_stem(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.pictures:
            found[folded(path.stem)].append(path)
        return found

    @cached_property
    def _json(self) -> dict[Path, Any]:
        return {}

    def suffixes(self) -> Counter[str]:
        """Number of files of every suffix, in lower case."""
        return Counter(_suffix(path) for path in self.files)

    def with_suffix(self, *suffixes: str) -> tuple[Path, ...]:
        """The files of these lower-case suffixes."""
        return tuple(path for path in self.files if path.suffix.lower() in suffixes or _suffix(path) in suffixes)

    def named(self, *names: str) -> tuple[Path, ...]:
        """The files of these lower-case names, those nearest to the root first."""
        found = [path for name in names for path in self._by_name.get(name, ())]
        return tuple(sorted(found, key=lambda path: len(path.parts)))

    def json(self, path: Path) -> Any:
        """The content of a JSON file, read once; None where it is not JSON."""
        if path not in self._json:
            try:
                size = (self.root / path).stat().st_size
                content = read_value(self.root / path) if size <= _LARGEST_JSON else None
                if isinstance(content, dict):
                    content.pop("imageData", None)  # LabelMe's copy of the picture
                self._json[path] = content
            except (InputError, OSError):
                self._json[path] = None
        return self._json[path]

    def find(self, written: str, *, near: Path | None = None, pictures: bool = False) -> Path | None:
        """The file that a path in a list or annotation means.

        The path may come from another machine: of all files of that name (letter case and Unicode form apart) the one
        that shares most of its last folders is taken, among equals the one nearest to `near`.

        Args:
            written: As it stands in the file, with slashes or backslashes.
            near: A file or folder below the root that is beside what is meant.
            pictures: Also accept a picture of that name under another suffix, or with the suffix left out.

        Returns:
            A path below the root; None where there is none, or several that are equally near.
        """
        found = self.called(written, pictures=pictures)
        if len(found) < 2:
            return found[0] if found else None
        folders, beside = written_parts(written)[-2::-1], near.parts if near else ()
        ranked = sorted(((shared(folders, path.parent.parts[::-1]), _common(beside, path)), path) for path in found)
        return ranked[-1][1] if ranked[-1][0] > ranked[-2][0] else None

    def called(self, written: str, *, pictures: bool = False) -> list[Path]:
        """All files of the name of a path in a list or annotation, in any folder; `pictures` as in `find`."""
        parts = written_parts(written)
        if not parts:
            return []
        found = self._by_name.get(folded(parts[-1]), [])
        if not found and pictures:
            found = self._pictures_by_stem.get(folded(parts[-1])) or self._pictures_by_stem.get(
                folded(PurePosixPath(parts[-1]).stem), []
            )
        return [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES] if pictures else found


def written_parts(written: str) -> list[str]:
    """Folders and name of a path as a file of any system has it."""
    return [part for part in PurePosixPath(written.replace("\\", "/")).parts if part not in ("/", ".", "..")]


def look(root: Path) -> Tree:
    """List a folder and its folders.

    Raises:
        OSError: If one cannot be looked at.
    """
    files: list[Path] = []
    system: list[Path] = []
    links: list[Path] = []
    for folder, names, entries in os.walk(root, onerror=_raise):
        place = Path(folder).relative_to(root)
        kept = []
        for name in names:
            if name.startswith(".") or name.lower() in _SYSTEM_NAMES:
                system.extend(place / name / path for path in _below(root / place / name))
            elif os.path.islink(os.path.join(folder, name)):
                links.append(place / name)
            elif not (place == Path(".") and name.lower() in _PROJECT_NAMES):
                kept.append(name)
        names[:] = kept
        for name in entries:
            path = place / name
            if name.startswith(".") or name.lower() in _SYSTEM_NAMES:
                system.append(path)
            elif not (place == Path(".") and name.lower() in _PROJECT_NAMES):
                files.append(path)
    found, apart, linked = (tuple(sorted(paths, key=natural_key)) for paths in (files, system, links))
    return Tree(root, found, apart, linked)


def folded(text: str) -> str:
    """Text that is equal for names which differ in letter case or Unicode form only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""Eight hexadecimal digits and a dash, which Label Studio puts before the name of an uploaded file."""


def names_before_upload(names: Iterable[str]) -> dict[str, str]:
    """The names that files had before Label Studio put eight hexadecimal digits and a dash before them.

    Args:
        names: Names of files without folders.

    Returns:
        Name with the digits -> name without; empty where no digit is a letter, since these may be dates.
    """
    found = {name: UPLOAD_PREFIX.sub("", name) for name in names if UPLOAD_PREFIX.match(name)}
    return found if any(re.search("[a-f]", name[:8]) for name in found) else {}


def listed(paths: Sequence[Path], *, shown: int = 3) -> str:
    """Some paths, and how many more there are."""
    more = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(map(str, paths[:shown])) + more


def shared(parts: Sequence[str], other: Sequence[str]) -> int:
    """Number of leading parts that are the same."""
    count = 0
    for one, two in zip(parts, other, strict=False):
        if folded(one) != folded(two):
            break
        count += 1
    return count


def _suffix(path: Path) -> str:
    """The suffix in lower case, both of a packed file (`.nii.gz`), or the name where there is none."""
    packed = path.suffix.lower() == ".gz" and Path(path.stem).suffix.lower() in (".nii", ".tar")
    return "".join(path.suffixes[-2:]).lower() if packed else path.suffix.lower() or path.name


def _below(folder: Path) -> Iterator[Path]:
    for place, _, entries in os.walk(folder):
        yield from (Path(place, name).relative_to(folder) for name in entries)


def _raise(error: OSError) -> None:
    raise error


def _common(beside: Sequence[str], path: Path) -> int:
    return shared(beside, path.parts)
