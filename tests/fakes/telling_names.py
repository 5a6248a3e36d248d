"""Folders whose names of files, folders or lists say which picture, mask and split is meant: of `fakes.layouts`."""

from collections.abc import Callable
from pathlib import Path

from fakes.layouts import NAMES, TRAIN, ids_mask, in_folders, part, picture
from fakes.published import save


def numbered(image: str, mask: str) -> Callable[[Path], None]:
    """A writer of pictures and masks under patterns with `{town}`, `{one}`, and `{two}`."""

    def write(folder: Path) -> None:
        for number, name in enumerate(NAMES):
            one, two = number // 2, number % 2
            words = {"town": ("Austin", "Vienna", "Graz")[one], "one": one, "two": two}
            save(picture(name), folder / image.format(**words))
            save(ids_mask(name), folder / mask.format(**words))

    return write


def parallel(folder: Path) -> None:
    """A list of pictures and one of masks for each split, whose lines correspond; names suggest other pairs."""
    lists: dict[str, str] = {}
    for number, name in enumerate(NAMES):
        image, mask = f"A/pic{number}.png", f"B/ann{number * 5 % len(NAMES) + 100}.png"
        save(picture(name), folder / image)
        save(ids_mask(name), folder / mask)
        for kind, path in (("images", image), ("masks", mask)):
            file = f"{part(name)}_{kind}.txt"
            lists[file] = lists.get(file, "") + f"{path}\n"
    for file, text in lists.items():
        (folder / file).write_text(text)


def videos(folder: Path) -> None:
    """Folders of frames that lists name; other lists name those of an earlier year, which were fewer."""
    for number, name in enumerate(NAMES):
        video = ("bear", "camel", "goat")[number // 2]
        save(picture(name), folder / f"JPEGImages/480p/{video}/{number % 2:05}.png")
        save(ids_mask(name), folder / f"Annotations/480p/{video}/{number % 2:05}.png")
    for file, text in (
        ("2016/train", "bear"),
        ("2016/val", "camel"),
        ("2017/train", "bear\ncamel"),
        ("2017/val", "goat"),
    ):
        path = folder / f"ImageSets/{file}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def plain_videos(folder: Path) -> None:
    """The same below `images` and `masks`, with lists of paths beside them."""
    for number, name in enumerate(NAMES):
        video = ("bear", "camel", "goat")[number // 2]
        save(picture(name), folder / f"images/{video}/{number % 2}.png")
        save(ids_mask(name), folder / f"masks/{video}/{number % 2}.png")
    (folder / "train.txt").write_text("images/bear\nimages/camel/\n")
    (folder / "val.txt").write_text("images/goat\n")


def beginnings(image: str, mask: str) -> Callable[[Path], None]:
    """A writer of pictures whose names begin with their split, under patterns with `{name}`."""

    def write(folder: Path) -> None:
        for number, name in enumerate(NAMES):
            word = f"train_{number}" if name in TRAIN else f"test{'AB'[number % 2]}_1"
            save(picture(name), folder / image.format(name=word))
            save(ids_mask(name), folder / mask.format(name=word))

    return write


_TWO_LETTERS = {"train": "TR", "val": "TE"}
_TWO_SMALL_LETTERS = {"train": "Tr", "val": "Ts"}

TELLING: dict[str, tuple[Callable[[Path], None], str, bool]] = {
    "towns": (numbered("images/{town}{two}.tif", "gt/{town}_{two:02}_gt.tif"), "ids", False),
    "towns in folders": (numbered("images/{town}/t{two}.png", "gt/{town}/t-{two}-mask.png"), "ids", False),
    "tiles": (numbered("images/tile_x{one}_y{two}.png", "gt/{one}_{two}.png"), "ids", False),
    "frames": (numbered("frames/video{one}_frame{two}.png", "labels/vid_{one:02}_{two:06}.png"), "ids", False),
    "years": (numbered("images/2023_r{one}c{two}.png", "masks/row{one}_col{two}_v7.png"), "ids", False),
    "TE beside TR": (
        in_folders("SET-{split}/SET-{split}-Image/{name}.png", "SET-{split}/SET-{split}-Mask/{name}.png",
                   splits=_TWO_LETTERS), "ids", True),
    "Ts beside Tr": (
        in_folders("Set1/images{split}/{name}_0000.png", "Set1/labels{split}/{name}.png", splits=_TWO_SMALL_LETTERS),
        "ids", True),
    "te beside tr": (
        in_folders("{split}/images/{name}.png", "{split}/gt/{name}.png", splits={"train": "tr", "val": "te"}),
        "ids", True),
    "parallel lists": (parallel, "ids", True),
    "lists of videos": (videos, "ids", True),
    "lists of plain videos": (plain_videos, "ids", True),
    "splits begin names": (beginnings("Some QU/{name}.bmp", "Some QU/{name}_anno.bmp"), "ids", True),
    "splits begin plain names": (beginnings("images/{name}.png", "masks/{name}.png"), "ids", True),
}  # fmt: skip
"""Name -> writer, what its masks hold as in `fakes.messy_folders`, True where the folder says what is trained on."""
AMBIGUOUS: dict[str, Callable[[Path], None]] = {
    "swapped": numbered("images/x{one}_y{two}.png", "gt/y{two}_x{one}.png"),
    "swapped words": numbered("images/col{one}_row{two}.png", "gt/y{two}x{one}.png"),
    "swapped beginnings": numbered("images/slice{one}_patient{two}.png", "gt/p{two}_s{one}.png"),
    "other numbers": numbered("images/tile_x{one}_y{two}.png", "gt/9{one}_{two}.png"),
}
"""Writers of names whose numbers may belong together in more than one way, or in none."""
