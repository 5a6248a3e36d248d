"""Folders that part pictures by site, patient, fold or day: their names are no classes."""

from collections.abc import Callable
from pathlib import Path

from fakes.layouts import NAMES, TRAIN, picture
from fakes.messy_folders import black_and_white
from fakes.published import save


def grouped(image: str, mask: str, groups: tuple[str, ...]) -> Callable[[Path], None]:
    """Masks of 0 and 255; the pictures are dealt out to the groups."""

    def write(folder: Path) -> None:
        for number, name in enumerate(NAMES):
            place = {"group": groups[number * len(groups) // len(NAMES)], "name": name}
            save(picture(name), folder / image.format(**place))
            save(black_and_white(name), folder / mask.format(**place))

    return write


def other_sites_to_validate_on(folder: Path) -> None:
    """Two sites to train on, a third one to validate on."""
    for number, name in enumerate(NAMES):
        place = folder / (f"train/site{'AB'[number % 2]}" if name in TRAIN else "val/siteC")
        save(picture(name), place / f"images/{name}.png")
        save(black_and_white(name), place / f"masks/{name}.png")


BESIDE = ("{group}/images/{name}.png", "{group}/masks/{name}.png")
GROUPS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "hospitals": (grouped(*BESIDE, ("charite", "mayo", "seoul")), False),
    "patients": (grouped(*BESIDE, ("P01", "P02", "P03")), False),
    "folds": (grouped(*BESIDE, ("fold1", "fold2")), False),
    "days": (grouped(*BESIDE, ("2023-05-01", "2023-05-02")), False),
    "tiles": (grouped(*BESIDE, ("Tile 1", "Tile 2", "Tile 3")), False),
    "two data sets": (grouped(*BESIDE, ("CVC-ClinicDB", "Kvasir")), False),
    "cameras": (grouped(*BESIDE, ("left", "right")), False),
    "sequences": (grouped("{group}/frames/{name}.png", "{group}/labels/{name}.png", ("seq_1", "seq_2")), False),
    "below pictures and masks": (
        grouped("imgs/{group}/{name}.png", "labels/{group}/{name}.png", ("oslo", "ulm")),
        False,
    ),
    "below a folder of all": (
        grouped("data/images/{group}/{name}.png", "data/masks/{group}/{name}.png", ("siteA", "siteB")),
        False,
    ),
    "centres, also in the folders of masks": (
        grouped(
            "data_{group}/images_{group}/{name}.jpg", "data_{group}/masks_{group}/{name}_mask.png", ("C1", "C2", "C3")
        ),
        False,
    ),
    "other sites to validate on": (other_sites_to_validate_on, True),
}
"""Name -> writer, True where the folders say what is trained on."""
