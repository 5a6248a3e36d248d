"""Pictures and masks that stand many in one file, unpacked once into the user's cache folder."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles
from atrous.data.formats.image_names import natural_key
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.tree import Tree
from atrous.data.pairs import Pair
from atrous.errors import InputError
from atrous.files import cache_folder

_VERSION = 2
"""To be raised whenever the same source is unpacked to other files."""
Item = tuple[str, str, bytes, bytes]
"""Name and split of a sample, its picture and its mask as files of the formats that `suffix_of` knows."""


@dataclass(frozen=True)
class Source:
    """Files that hold pictures and masks, and what reads them.

    Attributes:
        layout: Name of the layout.
        files: Below the root.
        items: Gives every sample; raises InputError where a file is bad.
    """

    layout: str
    files: tuple[Path, ...]
    items: Callable[[], Iterator[Item]]


def unpacked_contents(tree: Tree, source: Source) -> Contents:
    """The samples of files in the cache folder, unpacked there unless they are there already.

    Raises:
        InputError: If a file cannot be read or the cache folder not be written.
    """
    folder = cache_folder() / "unpacked" / _digest(tree, source.files)
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
                _write(Path(temporary, "whole"), source.items())
                _publish(Path(temporary, "whole"), folder)
        except OSError as error:
            raise InputError(f"cannot write {folder}: {error.strerror or error}; set ATROUS_HOME elsewhere") from error
    pairs = _pairs(folder)
    words = {image: image.relative_to(folder).parts[0].lstrip("-") for image in pairs}
    splits, lists, faults = told_splits(tree, pairs, words, read=MaskFiles(), rule=_rule)
    names = ", ".join(map(str, source.files[:3])) + (" ..." if len(source.files) > 3 else "")
    notes = (f"{len(pairs)} pictures and masks of {names} were unpacked to {folder}",)
    return Contents(source.layout, splits, used=lists | {*source.files}, notes=notes, faults=faults)


def _rule(split: str) -> str:
    return f"files of {split}" if split else "all samples"


def suffix_of(content: bytes) -> str:
    """The suffix of a picture by its first bytes; empty where it is of no format that is read."""
    for start, suffix in (
        (b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"BM", ".bmp"),
        (b"GIF8", ".gif"),
    ):  # fmt: skip
        if content.startswith(start):
            return suffix
    return ".webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def _digest(tree: Tree, files: Sequence[Path]) -> str:
    digest = hashlib.sha256(str(_VERSION).encode())
    for path in files:
        status = (tree.root / path).stat()
        digest.update(
            f"{(tree.root / path).resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="replace")
        )
    return digest.hexdigest()[:32]


def _write(folder: Path, items: Iterator[Item]) -> None:
    """Write `SPLIT/images/NAME` and `SPLIT/masks/NAME`; a split without a name is `-`."""
    for name, split, image, mask in items:
        for kind, content in (("images", image), ("masks", mask)):
            path = folder / (split or "-") / kind / f"{name}{suffix_of(content)}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _publish(whole: Path, folder: Path) -> None:
    """Move a folder to its place, unless another process has unpacked the same files meanwhile."""
    try:
        whole.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _pairs(folder: Path) -> dict[Path, Pair]:
    """Pairs by their picture; raises InputError where files of the cache have been removed."""
    masks = {(path.parent.parent, path.stem): path for path in folder.glob("*/masks/*")}
    pairs: dict[Path, Pair] = {}
    for image in sorted(folder.glob("*/images/*"), key=natural_key):
        mask = masks.get((image.parent.parent, image.stem))
        if mask is None:
            raise InputError(f"{folder} has lost the mask of {image.name}; delete that folder of the cache")
        pairs[image] = Pair(image.stem, image, mask)
    return pairs
