"""Folders of pictures with and without defects, in which good pictures have no mask."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from fakes.layouts import NAMES, TRAIN, picture, truth
from fakes.messy_folders import black_and_white
from fakes.published import save

GOOD = ("s1", "s2", "s5")
"""Names of the pictures without a defect."""
BAD = tuple(name for name in NAMES if name not in GOOD)


def defects(name: str) -> np.ndarray:
    """1 on a defect, otherwise 0."""
    return ((truth(name) > 0) & (name not in GOOD)).astype(np.uint8)


def labels_of_bad_ones(folder: Path) -> None:
    """Good and bad pictures in one folder, masks below it for bad ones only (DAGM)."""
    for number, name in enumerate(NAMES, start=1):
        split = "Train" if number < 5 else "Test"
        save(picture(name), folder / f"Class1/{split}/{number:04}.PNG")
        if name in BAD:
            save(black_and_white(name), folder / f"Class1/{split}/Label/{number:04}_label.PNG")


def good_to_train_on(folder: Path) -> None:
    """Good pictures to train on, both kinds to test on, masks apart (MVTec AD)."""
    for number, name in enumerate(NAMES):
        stem = f"{number:03}"
        if name in GOOD:
            save(picture(name), folder / f"bottle/{'test' if name == 's5' else 'train'}/good/{stem}.png")
        else:
            save(picture(name), folder / f"bottle/test/broken_large/{stem}.png")
            save(black_and_white(name), folder / f"bottle/ground_truth/broken_large/{stem}_mask.png")


def folders_of_images(folder: Path) -> None:
    """`images` and `masks` with a folder for each kind, of which good ones have no masks."""
    for name in NAMES:
        save(picture(name), folder / f"images/{'ok' if name in GOOD else 'ng'}/{name}.png")
        if name in BAD:
            save(black_and_white(name), folder / f"masks/ng/{name}.png")


def pictures_by_defect(folder: Path) -> None:
    """A folder of pictures with defects, one of pictures without any, below it one for each sort, and one of masks."""
    for name in NAMES:
        good = name in GOOD
        save(picture(name), folder / ("NODefect_images/sort1" if good else "Defect_images") / f"{name}_02.png")
        if not good:
            save(black_and_white(name), folder / f"Mask_images/{name}_02_mask.png")


def rows_of_bad_ones(folder: Path) -> None:
    """Run lengths in a CSV that has rows for bad pictures only (Severstal)."""
    rows = []
    for name in NAMES:
        save(picture(name), folder / f"train_images/{name}.png")
        steps = np.diff(np.r_[0, defects(name).T.ravel(), 0].astype(int))
        ends = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
        runs = [f"{start + 1} {end - start}" for start, end in ends]
        rows += [(f"{name}.png", "1", " ".join(runs))] * bool(runs)
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("ImageId", "ClassId", "EncodedPixels"), *rows])


def images_of_all(folder: Path) -> None:
    """`images` with all pictures, `masks` of class ids with those of bad ones, and lists of all."""
    for name in NAMES:
        save(picture(name), folder / f"images/{name}.png")
        if name in BAD:
            save(Image.fromarray(defects(name)), folder / f"masks/{name}.png")
    (folder / "train.txt").write_text("s0\ns1\ns2\ns3\n")
    (folder / "val.txt").write_text("s4\ns5\n")


def table_of_all(folder: Path) -> None:
    """A table of pictures and masks, without masks for good ones; those to test on are not labelled."""
    lines = ["image,mask,split"]
    for name in NAMES:
        save(picture(name), folder / f"img/{name}.png")
        if name in BAD:
            save(Image.fromarray(defects(name)), folder / f"msk/{name}.png")
        mask = f"msk/{name}.png" if name in BAD else ""
        lines.append(f"img/{name}.png,{mask},{'train' if name in TRAIN else 'val'}")
    save(picture("s0"), folder / "img/new.png")
    (folder / "index.csv").write_text("\n".join([*lines, "img/new.png,,test", ""]))


STATED = {
    "MVTec": (good_to_train_on, '"*/good/*"'),
    "images and masks": (folders_of_images, '"*/ok/*"'),
    "two folders of pictures": (pictures_by_defect, '"NODefect_images/*"'),
    "Severstal": (rows_of_bad_ones, '"*"'),
    "table": (table_of_all, '"*"'),
}
"""Folders that say which pictures are good, and the pattern that `--fix` proposes."""
UNSTATED = {"DAGM": labels_of_bad_ones, "lists": images_of_all}
