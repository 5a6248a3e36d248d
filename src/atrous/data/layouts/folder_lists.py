"""Lists of folders: `ImageSets/2017/train.txt` with a line for each video, which is a folder of pictures."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from atrous.data.layouts.tree import folded


def folder_index(pictures: Sequence[Path]) -> dict[str, list[Path]]:
    """The names of folders, and paths that end or begin anywhere -> the pictures below."""
    below: dict[Path, list[Path]] = defaultdict(list)
    for picture in pictures:
        below[picture.parent].append(picture)
    found: dict[str, list[Path]] = defaultdict(list)
    for folder, some in below.items():
        count = len(folder.parts)
        places = [(first, last) for first in range(count) for last in range(first + 1, count + 1)]
        for name in {folded("/".join(folder.parts[first:last])) for first, last in places}:
            found[name] += some
    return dict(found)


def pictures_of_folders(lines: Sequence[str], index: Mapping[str, Sequence[Path]]) -> list[Path] | None:
    """The pictures below the folders that lines name, by name or by path; None where a line names no such folder."""
    found: dict[Path, None] = {}
    for line in lines:
        some = index.get(folded("/".join(PurePosixPath(line.strip("\"'").replace("\\", "/")).parts)))
        if some is None:
            return None
        found |= dict.fromkeys(some)
    return list(found)
