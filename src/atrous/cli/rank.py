"""`atrous rank WEIGHTS FOLDER`: which unlabelled pictures to label next."""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from atrous.cli.console import console, tracked
from atrous.cli.inference import Inference
from atrous.cli.options import parse
from atrous.data.formats.image_names import image_files
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.acquisition import ImageScore, labelling_order, score_image
from atrous.inference.output_files import output_names
from atrous.report.tables import Table
from atrous.report.wording import one_line

SOME_FAILED = 1
SHOWN = 10


@dataclass(frozen=True)
class Options:
    """Order unlabelled pictures by what labelling them would teach the network: the first ones are to be labelled next.

    Every picture is predicted as it is, mirrored, and at three quarters of its size. What counts is how uncertain the
    network is (entropy), how much its labels change (disagreement), and how little a picture resembles those before it.

    Example: atrous rank runs/street unlabelled/ --out rank.csv --count 20 --copy to_label
    """

    weights: tyro.conf.Positional[str]
    """An archive, a run folder, a file of another project, or a name that `atrous weights` lists."""
    inputs: tyro.conf.Positional[tuple[str, ...]]
    """Pictures, folders or patterns."""
    out: Path
    """Write the order, with entropy and disagreement of every picture, to this .csv file."""
    count: int = 20
    """Number of pictures that you are going to label; among them no two resemble each other without need."""
    copy: Path | None = None
    """Copy these pictures to this folder, which is new or empty."""
    inference: Inference = field(default_factory=Inference)


def main(arguments: Sequence[str]) -> int:
    """Rank and print; returns the exit status."""
    options = parse(Options, arguments, verb="rank")
    if options.count < 1:
        raise InputError(f"--count {options.count} labels nothing; give 1 or more")
    if (
        options.copy is not None
        and options.copy.exists()
        and (not options.copy.is_dir() or any(options.copy.iterdir()))
    ):
        raise InputError(f"--copy {options.copy} is no empty folder; name a new one")
    pictures = image_files(options.inputs)
    predictor = options.inference.predictor(options.weights, beyond_labels="probabilities")
    ranked, scores, failed = list[Path](), list[ImageScore](), 0
    for picture in tracked(pictures, description="ranking", total=len(pictures)):
        try:
            scores.append(score_image(predictor, picture))
            ranked.append(picture)
        except InputError as error:
            failed += 1
            console.print(f"atrous rank: {one_line(str(error))}", markup=False, soft_wrap=True)
    if not ranked:
        raise InputError(f"none of {len(pictures)} pictures could be ranked, each is named above")
    order = labelling_order(scores, count=options.count)
    rows = [(place, str(ranked[index]), scores[index]) for place, index in enumerate(order, start=1)]
    with atomic_path(options.out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("place", "picture", "entropy", "disagreement"))
        writer.writerows(
            (place, name, f"{score.entropy:.6f}", f"{score.disagreement:.6f}") for place, name, score in rows
        )
    shown = tuple((place, one_line(name), score.entropy, score.disagreement) for place, name, score in rows[:SHOWN])
    print(Table(("place", "picture", "entropy", "disagreement"), shown, formats=("", "", ".3f", ".3f")).to_text())
    print(f"order    {options.out} ({len(ranked)} pictures)")
    if options.copy is not None:
        _copy([ranked[index] for index in order[: options.count]], options.copy)
        print(
            f"copied   the first {min(options.count, len(ranked))} to {options.copy}; pre-label them for your tool with"
        )
        print(f"         atrous predict {options.weights} {options.copy} --out labels --as labelme")
    if failed:
        print(f"{failed} of {len(pictures)} pictures failed, each named above")
    return SOME_FAILED if failed else 0


def _copy(pictures: Sequence[Path], folder: Path) -> None:
    """Copy pictures under names that differ even where they come from several folders."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture, name in zip(pictures, output_names([str(picture) for picture in pictures]), strict=True):
        target = folder / f"{name}{picture.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, target)
