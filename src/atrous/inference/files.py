"""Pictures in, label maps and overlays out: which file goes where, and doing it."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from atrous.data.formats.images import MAX_PIXELS
from atrous.data.formats.lists import read_names
from atrous.data.formats.tiff import geo_reference, write_geo_labels
from atrous.data.formats.windows import Pixels, open_pixels, read_whole, stored_size
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.predictor import Predictor
from atrous.inference.prefetch import prefetch
from atrous.inference.result import Result
from atrous.inference.tiling.large import WHOLE_PIXELS, Outputs, predict_large
from atrous.inference.tiling.mosaic import OnProgress
from atrous.inference.tiling.tiles import Tiling
from atrous.report.label_png import label_palette


@dataclass(frozen=True)
class Job:
    """One picture to predict.

    Attributes:
        source: The picture.
        labels: Where its label map goes (PNG).
        overlay: Where the picture under its labels goes (JPEG); None for none.
    """

    source: Path
    labels: Path
    overlay: Path | None

    @property
    def geo_labels(self) -> Path:
        """Where its label map goes once more, as GeoTIFF, if the picture has a geo-reference."""
        return self.labels.with_name(f"{self.labels.stem}_labels.tif")


@dataclass(frozen=True)
class Cut:
    """Pictures of more pixels than `beyond` are cut into tiles."""

    tiling: Tiling
    beyond: int = WHOLE_PIXELS


@dataclass(frozen=True)
class Large:
    """A picture that is to be cut."""

    pixels: Pixels
    tiling: Tiling


@dataclass(frozen=True)
class Outcome:
    """What became of a job: written, unless there is a problem, told in one line."""

    job: Job
    problem: str | None = None


def plan_jobs(sources: Sequence[Path], *, out: Path, overlays: bool = True) -> tuple[Job, ...]:
    """Names for the outputs: `OUT/a.png` and `OUT/a_overlay.jpg` for the picture `a.jpg`.

    Where two pictures have the same name without suffix, all outputs keep the folder of their picture below the folder
    that all pictures have in common; where that is not enough, also the suffix (`OUT/x/a.jpg.png`).

    Args:
        sources: Pictures; the same one twice counts once.
        out: Folder of the outputs.
        overlays: Whether overlays are wanted.

    Raises:
        InputError: If an output would replace one of the pictures.
    """
    pictures = {Path(os.path.abspath(source)): source for source in sources}
    common = Path(os.path.commonpath([picture.parent for picture in pictures]))
    below = [picture.relative_to(common) for picture in pictures]
    stems = [path.stem for path in below]
    paths = [str(path.with_suffix("")) for path in below]
    files = [str(path) for path in below]
    # Compared in lower case: the folder may lie on a file system that does not tell `A` from `a`.
    names = next((names for names in (stems, paths) if len({name.lower() for name in names}) == len(names)), files)
    jobs = tuple(
        Job(source, labels=out / f"{name}.png", overlay=out / f"{name}_overlay.jpg" if overlays else None)
        for source, name in zip(pictures.values(), names, strict=True)
    )
    check_not_replaced(pictures, jobs)
    return jobs


def listed(pictures: Sequence[Path], *, names: Path) -> list[Path]:
    """Those of the pictures whose name without suffix is in a list, one name per line.

    Raises:
        InputError: If the list cannot be read, or holds a name that none of the pictures has.
    """
    wanted, found = read_names(names), {picture.stem for picture in pictures}
    for name in wanted:
        if name not in found:
            raise InputError(f"{names} lists {name!r:.80}, which is not among the {len(pictures)} pictures given")
    return [picture for picture in pictures if picture.stem in {*wanted}]


def predict_files(
    predictor: Predictor,
    jobs: Iterable[Job],
    *,
    save: Callable[[Result, Path], None] = Result.save,
    cut: Cut | None = None,
    max_pixels: int = MAX_PIXELS,
    on_progress: OnProgress | None = None,
) -> Iterator[Outcome]:
    """Do the jobs in order; files are read and written in threads meanwhile, and what exists is replaced.

    Args:
        predictor: Asked about every picture.
        jobs: Which picture goes where.
        save: Writes a label map of a picture that is not cut.
        cut: Which pictures are cut into tiles, and how; None for none.
        max_pixels: Larger pictures are not decoded as a whole.
        on_progress: OnProgress (tiles done, tiles in all) of a picture that is cut.

    Yields:
        An outcome per job as soon as its files are written. A picture that cannot be read is a problem of its own; the
        rest goes on.

    Raises:
        InputError: If an output cannot be written: then no other can either.
    """
    pictures = prefetch(partial(_read, cut=cut, max_pixels=max_pixels), jobs)
    answers = ((job, _answer(predictor, job, picture, on_progress)) for job, picture in pictures)
    for (job, answer), written in prefetch(partial(_write, save=save), answers):
        written.result()
        yield Outcome(job, problem=str(answer) if isinstance(answer, InputError) else None)


def _read(job: Job, *, cut: Cut | None, max_pixels: int) -> UInt8[np.ndarray, "h w c"] | Large:
    if cut is not None and math.prod(stored_size(job.source)) > cut.beyond:
        return Large(open_pixels(job.source, max_pixels=max_pixels), cut.tiling)
    return read_whole(job.source, max_pixels=max_pixels)


def _answer(
    predictor: Predictor, job: Job, picture: Future[UInt8[np.ndarray, "h w c"] | Large], on_progress: OnProgress | None
) -> Result | InputError | None:
    """The result, what is wrong, or None where the files of a large picture are already written."""
    try:
        geo_reference(job.source)  # one that cannot be kept is a problem of this picture, not of the output folder
        image = picture.result()
    except InputError as error:
        return error
    try:
        if isinstance(image, Large):
            outputs = Outputs(job.labels, job.overlay, job.geo_labels)
            return predict_large(
                predictor, image.pixels, job.source, outputs, tiling=image.tiling, on_progress=on_progress
            )
        return predictor(image)
    except InputError as error:
        return InputError(f"{job.source}: {error}")
    except torch.OutOfMemoryError:
        return InputError(f"{job.source} does not fit into the memory of {predictor.device}; try --device cpu")


def _write(item: tuple[Job, Result | InputError | None], *, save: Callable[[Result, Path], None]) -> None:
    job, answer = item
    if answer is None or isinstance(answer, InputError):
        return
    save(answer, job.labels)
    if reference := geo_reference(job.source):
        write_geo_labels(job.geo_labels, answer.labels, palette=label_palette(answer.space), reference=reference)
    if job.overlay is not None:
        with atomic_path(job.overlay) as temporary:
            answer.overlay().save(temporary, quality=90)


def check_not_replaced(pictures: Iterable[Path], jobs: Iterable[Job]) -> None:
    """Refuse, with an InputError, jobs that would write over one of the pictures."""
    taken = {_place(picture) for picture in pictures}
    for job in jobs:
        for path in (job.labels, job.overlay, job.geo_labels):
            if path is not None and _place(path) in taken:
                raise InputError(f"{path} is one of the pictures and would be replaced; choose another output folder")


def _place(path: Path) -> str:
    """Equal for two spellings of a file, also on file systems that do not tell `A` from `a`."""
    return str(path.parent.resolve() / path.name).lower()
