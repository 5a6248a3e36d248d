"""Folders as authors of data sets publish them: the pictures of `fakes.layouts` under names that follow no tool."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from fakes.layouts import NAMES, SIZE, TRAIN, color_mask, ids_mask, in_folders, part, picture, truth
from fakes.published import save


def black_and_white(name: str) -> Image.Image:
    """Foreground 255, background 0."""
    return Image.fromarray(((truth(name) > 0) * 255).astype(np.uint8))


def field() -> Image.Image:
    """The field of view of a camera: 255 within."""
    inside = np.zeros(SIZE, np.uint8)
    inside[2:10, 2:14] = 255
    return Image.fromarray(inside)


def vessels(folder: Path) -> None:
    """Numbered pictures, masks and fields of view for each split; a second annotator in one of them."""
    for number, name in enumerate(NAMES, start=1):
        split = "training" if name in TRAIN else "test"
        save(picture(name), folder / split / f"images/{number:02}_{split}.tif")
        save(black_and_white(name), folder / split / f"1st_manual/{number:02}_manual1.gif")
        save(field(), folder / split / f"mask/{number:02}_{split}_mask.gif")
        if split == "test":
            save(Image.fromarray(np.zeros(SIZE, np.uint8)), folder / split / f"2nd_manual/{number:02}_manual2.gif")


def two_eyes(folder: Path) -> None:
    """Two annotators of pictures in one folder."""
    for number, name in enumerate(NAMES):
        stem = f"Image_{number // 2 + 1:02}{'LR'[number % 2]}"
        save(picture(name), folder / f"{stem}.jpg")
        save(black_and_white(name), folder / f"{stem}_1stHO.png")
        save(Image.fromarray(np.zeros(SIZE, np.uint8)), folder / f"{stem}_2ndHO.png")


def two_initials(folder: Path) -> None:
    """A folder for each annotator, called after the initials."""
    for number, name in enumerate(NAMES):
        save(picture(name), folder / f"some-images/im{number:04}.ppm")
        save(black_and_white(name), folder / f"labels-ah/im{number:04}.ah.ppm")
        save(Image.fromarray(np.zeros(SIZE, np.uint8)), folder / f"labels-vk/im{number:04}.vk.ppm")


def plants(folder: Path) -> None:
    """Masks of three classes by colour, beside masks of what is a plant."""
    in_folders("images/{name}_image.png", "annotations/{name}_annotation.png", make=color_mask)(folder)
    for name in NAMES:
        save(black_and_white(name), folder / f"masks/{name}_mask.png")


def unlabelled_split(folder: Path) -> None:
    """Satellite pictures; those of one split have no masks."""
    in_folders("train/{name}_sat.jpg", "train/{name}_mask.png")(folder)
    for name in NAMES[:2]:
        save(picture(name).rotate(180), folder / f"valid/9{name}_sat.jpg")


def numbers(folder: Path) -> None:
    """Names that have only a number in common, in folders whose names say nothing."""
    for number, name in enumerate(NAMES):
        save(picture(name), folder / part(name) / f"alpha/frame {number} b.png")
        save(ids_mask(name), folder / part(name) / f"beta/{number:05}-q.png")


MESSY: dict[str, tuple[Callable[[Path], None], str, bool]] = {
    "vessels": (vessels, "field", True),
    "two eyes": (two_eyes, "foreground", False),
    "two initials": (two_initials, "foreground", False),
    "plants": (plants, "colours", False),
    "unlabelled split": (unlabelled_split, "ids", False),
    "numbers": (numbers, "ids", True),
    "words that say nothing": (in_folders("alpha/{name}.png", "beta/{name}.png"), "ids", False),
    "one folder": (in_folders("foo_{name}_bar.png", "foo_{name}_qux.png"), "ids", False),
    "other folders": (in_folders("s_Data/{name}.jpg", "s_Part1_GroundTruth/{name}_segmentation.png"), "ids", False),
    "train_data": (in_folders("train_data/images/{name}.jpg", "train_data/gt/{name}.png"), "ids", False),
    "nested": (in_folders("My Data/v 2/Images/{split}/{name}.JPG", "My Data/v 2/Masks/{split}/{name}.png",
                          splits={"train": "Train", "val": "Valid"}), "ids", True),
    "capitals": (in_folders("RGB/{name}.JPG", "GT/{name}.PNG"), "ids", False),
}  # fmt: skip
"""Name -> writer, what its masks hold, True where the folders say what is trained on."""


def _part(name: str, label: int) -> Image.Image:
    """The pixels of one class, 255."""
    return Image.fromarray(((truth(name) == label) * 255).astype(np.uint8))


def instances(folder: Path) -> None:
    """A folder for each picture, with a mask for each object."""
    for number, name in enumerate(NAMES):
        key = f"{number}b7f{number}c"
        save(picture(name), folder / f"stage1_train/{key}/images/{key}.png")
        for label in (1, 2):
            save(_part(name, label), folder / f"stage1_train/{key}/masks/{label}{key}e{label}.png")


def recurring_names(folder: Path) -> None:
    """A folder for each picture, with a mask for each class."""
    for name in NAMES:
        save(picture(name), folder / f"{name}/photo/{name}.png")
        for label, word in ((1, "cat"), (2, "dog")):
            save(_part(name, label), folder / f"{name}/masks/{word}.png")


def folders_of_classes(folder: Path) -> None:
    """A folder of masks for each class, numbered, in red, in folders of splits, all below a folder of masks."""
    for name in NAMES:
        split = "a. Training Set" if name in TRAIN else "b. Validation Set"
        save(picture(name), folder / f"A. Segmentation/1. Original Images/{split}/P_{name}.jpg")
        for label, word, ending in ((1, "1. cat", "C"), (2, "2. dog", "D")):
            black = Image.new("L", SIZE[::-1])
            red = Image.merge("RGB", (_part(name, label), black, black))
            save(red, folder / f"A. Segmentation/2. All Masks/{split}/{word}/P_{name}_{ending}.tif")


def endings_of_classes(folder: Path) -> None:
    """A mask for each class, told by its ending; masks without pixels are left away."""
    for name in NAMES:
        save(picture(name), folder / f"imgs/{name}.jpg")
        for label, word in ((1, "cat"), (2, "dog")):
            if label == 1 or (truth(name) == label).any():
                save(_part(name, label), folder / f"labels/{name}_{word}.png")


def animals(folder: Path) -> None:
    """Pictures of one animal each, in folders called after it; a picture has two masks, and those of one are empty."""
    for number, name in enumerate(NAMES):
        animal = ("cat", "dog", "nothing")[number // 2]
        save(picture(name), folder / f"pets/{animal}/{number % 2}.jpg")
        mask = np.asarray(black_and_white(name)) * (animal != "nothing")
        save(Image.fromarray(mask), folder / f"pets/{animal}/{number % 2}_mask.png")
    save(Image.fromarray(np.full(SIZE, 255, np.uint8)), folder / "pets/cat/0_mask_1.png")


MANY_MASKS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "instances": (instances, ("background", "foreground")),
    "recurring names": (recurring_names, ("background", "cat", "dog")),
    "folders of classes": (folders_of_classes, ("background", "cat", "dog")),
    "endings of classes": (endings_of_classes, ("background", "cat", "dog")),
}
"""Name -> writer, classes."""


def berkeley(folder: Path) -> None:
    """A cell of structs for each picture, one for each annotator; segments count from 1."""
    for name in NAMES:
        save(picture(name), folder / f"data/images/{part(name)}/{name}.jpg")
        cell = np.empty((1, 2), object)
        for place, values in enumerate((truth(name) + 1, np.ones(SIZE))):
            struct = np.zeros((1, 1), [("Segmentation", object), ("Boundaries", object)])
            struct[0, 0] = (values.astype(np.uint16), np.zeros(SIZE, np.uint8))
            cell[0, place] = struct
        _save_mat(folder / f"data/groundTruth/{part(name)}/{name}.mat", "groundTruth", cell)


def cracks(folder: Path) -> None:
    """A struct for each picture."""
    for number, name in enumerate(NAMES):
        save(picture(name), folder / f"image/{number:03}.jpg")
        struct = np.zeros((1, 1), [("Segmentation", object), ("Boundaries", object)])
        struct[0, 0] = (truth(name) + 1, np.zeros(SIZE, bool))
        _save_mat(folder / f"groundTruth/{number:03}.mat", "groundTruth", struct)


def garments(folder: Path) -> None:
    """A matrix for each picture, tags of whole pictures beside them, and a list of names."""
    for number, name in enumerate(NAMES, start=1):
        save(picture(name), folder / f"photos/{number:04}.jpg")
        _save_mat(folder / f"annotations/pixel-level/{number:04}.mat", "groundtruth", truth(name))
        _save_mat(folder / f"annotations/image-level/1{number:03}.mat", "tags", np.array([[1, 2]], np.uint8))
    names = np.empty((1, 3), object)
    names[0] = ["null", "cat", "dog"]
    _save_mat(folder / "label_list.mat", "label_list", names)


def _save_mat(path: Path, name: str, value: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {name: value})
