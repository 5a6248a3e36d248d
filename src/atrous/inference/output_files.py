"""Names of the files that predictions are written to."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import overload

from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.formats.lists import read_names
from atrous.errors import InputError, OutputError


@dataclass(frozen=True)
class PredictionFiles:
    """An image file, and the files that its prediction is written to.

    Attributes:
        source: File of the image.
        labels: File of the label map (PNG).
        overlay: File of the image with its labels painted over it (JPEG); None for no overlay.
    """

    source: Path
    labels: Path
    overlay: Path | None

    @property
    def geo_labels(self) -> Path:
        """File of the label map as GeoTIFF, written where the image has a geo-reference."""
        return Path(_geo_name(str(self.labels)))


class FilePlan(Sequence[PredictionFiles]):
    """Images and their output files by number; entries are made when they are asked for, since a plan may be long.

    Args:
        sources: Names of image files.
        names: Names of their outputs without suffix, below the folder.
        out: Folder of the outputs.
        overlays: If true, overlays are written, too.
    """

    def __init__(self, sources: Sequence[str], names: Sequence[str], *, out: Path, overlays: bool) -> None:
        self._sources, self._names, self._out, self._overlays = sources, names, out, overlays

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> PredictionFiles: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PredictionFiles]: ...

    def __getitem__(self, index: int | slice) -> PredictionFiles | Sequence[PredictionFiles]:
        """The image of this number with its output files, or a plan of some of them."""
        if isinstance(index, slice):
            return FilePlan(self._sources[index], self._names[index], out=self._out, overlays=self._overlays)
        name = self._names[index]
        overlay = self._out / f"{name}_overlay.jpg" if self._overlays else None
        return PredictionFiles(Path(self._sources[index]), labels=self._out / f"{name}.png", overlay=overlay)


def plan_files(sources: Sequence[str | Path], *, out: Path, overlays: bool = True) -> FilePlan:
    """Name the output files: `OUT/a.png` and `OUT/a_overlay.jpg` for the image `a.jpg`.

    Where two images have the same name without suffix, all outputs keep the folder of their image, relative to the
    folder that all images have in common; where that is not enough, also the suffix (`OUT/x/a.jpg.png`).

    Args:
        sources: Image files, as paths or names; one that is given twice counts once.
        out: Folder of the outputs.
        overlays: If true, overlays are written, too.

    Raises:
        InputError: If an output would replace one of the images.
    """

    @cache
    def absolute(folder: str) -> str:
        return os.path.join(os.path.abspath(folder), "")

    named = map(str, sources)
    images = {f"{absolute(_folder(name))}{name[name.rfind(os.sep) + 1 :]}": name for name in named}
    names = output_names([*images])
    beginning = os.path.join(out, "")
    check_not_replaced([*images], [f"{beginning}{name}.png" for name in names], overlays=overlays)
    return FilePlan([*images.values()], names, out=out, overlays=overlays)


def output_names(images: Sequence[str]) -> list[str]:
    """Names of the outputs of images, without suffix, by the rule of `plan_files`.

    Args:
        images: Absolute paths, each once; at least one.
    """
    folders = {_folder(image) for image in images}
    start = len(os.path.join(os.path.commonpath(folders), ""))
    with_suffix = [image[start:] for image in images]
    paths = [_without_suffix(path) for path in with_suffix]
    stems = paths if len(folders) == 1 else [path[path.rfind(os.sep) + 1 :] for path in paths]
    # Compared in lower case, since many file systems treat `A` and `a` as the same name.
    unique = (names for names in (stems, paths) if len({name.lower() for name in names}) == len(names))
    return next(unique, with_suffix)


def select_listed(images: Sequence[str], *, names: Path) -> list[str]:
    """Select the image files whose name without suffix is in a list with one name per line.

    Raises:
        InputError: If the list cannot be read, or holds a name that none of the images has.
    """
    listed = read_names(names)
    stems = [_without_suffix(image[image.rfind(os.sep) + 1 :]) for image in images]
    found, wanted = {*stems}, {*listed}
    for name in listed:
        if name not in found:
            raise InputError(f"{names} lists {name!r:.80}, which is not among the {len(images)} images given")
    return [image for image, stem in zip(images, stems, strict=True) if stem in wanted]


def check_not_replaced(images: Sequence[str], labels: Sequence[str], *, overlays: bool) -> None:
    """Raise InputError if an output would be written over one of the images; all are names of files."""

    @cache
    def resolved(folder: str) -> str:
        return os.path.realpath(folder).lower()

    def identity(path: str) -> tuple[str, str]:
        """Return the same for all spellings of a file, also where case does not count."""
        return resolved(_folder(path)), path[path.rfind(os.sep) + 1 :].lower()

    used = {resolved(folder) for folder in {_folder(name) for name in images}}
    near_folders = {folder for folder in {_folder(name) for name in labels} if resolved(folder) in used}
    near = [name for name in labels if _folder(name) in near_folders] if near_folders else []  # most often none
    taken = {identity(name) for name in images} if near else set[tuple[str, str]]()
    for name in near:
        overlay = f"{_without_suffix(name)}_overlay.jpg"
        for path in (name, _geo_name(name), *([overlay] if overlays else [])):
            if identity(path) in taken:
                raise InputError(f"{path} is one of the images and would be replaced; choose another output folder")


def own_problem(error: OutputError, files: PredictionFiles) -> str:
    """Return the problem of this image alone; raise the error again if no other output can be written either."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno not in (None, errno.ENAMETOOLONG, errno.EFBIG):
        raise error
    return f"{files.source}: {error}"


def _without_suffix(path: str) -> str:
    """Return `Path(path).with_suffix("")` as a string: with many files, most of the time would go to making paths."""
    dot = path.rfind(".")
    return path[:dot] if path.rfind(os.sep) + 1 < dot < len(path) - 1 else path


def _geo_name(labels: str) -> str:
    return f"{_without_suffix(labels)}_labels.tif"


def _folder(path: str) -> str:
    """Return `os.path.dirname(path)`, which takes five times as long."""
    end = path.rfind(os.sep)
    return path[:end] if end > 0 else path[: end + 1]


def check_paths(weights: str, inputs: Sequence[str], *, out: Path) -> None:
    """Refuse a picture in the place of the weights, and outputs that the next run would take for pictures.

    Raises:
        InputError: In either case.
    """
    first = Path(weights)
    if first.suffix.lower() in IMAGE_SUFFIXES and first.is_file():
        raise InputError(f"{first} is a picture; weights come first: atrous predict WEIGHTS PICTURES --out FOLDER")
    for name in inputs:
        if os.path.isdir(name) and os.path.realpath(name) == os.path.realpath(out):
            line = f"{name} would hold pictures and outputs, which the next run would take for pictures, too"
            raise InputError(f"{line}; choose another --out")
