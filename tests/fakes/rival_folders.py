"""Published data sets in which several kinds of masks, pictures or lists lie beside the ones that count."""

from pathlib import Path

import numpy as np
from PIL import Image

from fakes.layouts import NAMES, SIZE, TRAIN, color_mask, ids_mask, in_folders, part, picture, truth
from fakes.messy_folders import black_and_white
from fakes.published import save


def lesions(folder: Path) -> None:
    """A folder for each picture, a mask for each, and masks of smaller areas for some."""
    for name in NAMES:
        place = folder / "Set images" / name
        save(picture(name), place / f"{name}_Dermoscopic_Image/{name}.bmp")
        save(black_and_white(name), place / f"{name}_lesion/{name}_lesion.bmp")
        if name in ("s0", "s1"):
            small = Image.fromarray(np.eye(*SIZE, dtype=np.uint8))
            save(small, place / f"{name}_roi/{name}_R1_Label1.bmp")


def challenge(folder: Path) -> None:
    """Folders whose names begin with that of the set; superpixels beside the pictures."""
    for name in NAMES:
        split = "Training" if name in TRAIN else "Validation"
        save(picture(name), folder / f"SET2018_Task1-2_{split}_Input/{name}.png")
        save(picture(NAMES[-1]), folder / f"SET2018_Task1-2_{split}_Input/{name}_superpixels.png")
        save(black_and_white(name), folder / f"SET2018_Task1_{split}_GroundTruth/{name}_segmentation.png")


def eroded(folder: Path) -> None:
    """The same masks without their borders, which then have one colour more; a height model."""
    for name in NAMES:
        save(picture(name), folder / f"top/top_area{name}.tif")
        save(color_mask(name), folder / f"gts_for_all/top_area{name}.tif")
        borders = np.asarray(color_mask(name)).copy()
        borders[::5] = 7
        save(Image.fromarray(borders), folder / f"gts_eroded_for_all/top_area{name}_noBoundary.tif")


def two_bands(folder: Path) -> None:
    """Infrared beside visible light, and drawings beside the masks."""
    in_folders("images/rgb/{name}.png", "annotations/dlp/iMapCleaned/{name}.png")(folder)
    in_folders("images/nir/{name}.png", "annotations/dlp/colorCleaned/{name}.png", make=color_mask)(folder)


def lanes(folder: Path) -> None:
    """Two kinds of masks told apart by a word in the middle, one of them for one picture; unlabelled test pictures."""
    for name in NAMES:
        save(picture(name), folder / f"training/image_2/um_{name}.png")
        save(ids_mask(name), folder / f"training/gt_image_2/um_road_{name}.png")
        save(picture(name), folder / f"testing/image_2/um_{name}.png")
    save(ids_mask("s1"), folder / "training/gt_image_2/um_lane_s0.png")


def versions(folder: Path) -> None:
    """Two versions of the labels, of which the second has more classes, and numbers of instances beside them."""
    for name in NAMES:
        split = "training" if name in TRAIN else "validation"
        save(picture(name), folder / split / f"images/{name}.png")
        save(black_and_white(name).point(lambda value: value // 255), folder / split / f"v1.2/labels/{name}.png")
        save(ids_mask(name), folder / split / f"v2.0/labels/{name}.png")
        save(Image.fromarray(truth(name).astype(np.uint16) * 256), folder / split / f"v1.2/instances/{name}.png")


def classes_beside(folder: Path) -> None:
    """Masks of all classes, and in folders below them masks of each class of the test pictures."""
    for name in NAMES:
        split = "train_val" if name in TRAIN else "TEST"
        save(picture(name), folder / split / f"images/{name}_.png")
        save(color_mask(name), folder / split / f"masks/{name}_.bmp")
        for label, short in ((0, "BW"), (1, "HD")) if split == "TEST" else ():
            one = Image.fromarray(((truth(name) == label) * 255).astype(np.uint8))
            save(one, folder / split / f"masks/{short}/{name}_.bmp")


def split_below(folder: Path) -> None:
    """A folder of `trainval` pictures above those of `train` and `val`."""
    for name in NAMES:
        save(picture(name), folder / f"TrainVal_images/{part(name)}_images/{name}.png")
        save(ids_mask(name), folder / f"TrainVal_parsing_annotations/{part(name)}_segmentations/{name}.png")


RIVALS = {
    "lesions": (lesions, "foreground", False),
    "challenge": (challenge, "foreground", True),
    "eroded": (eroded, "colours", False),
    "two bands": (two_bands, "ids", False),
    "lanes": (lanes, "ids", False),
    "versions": (versions, "ids", True),
    "classes beside": (classes_beside, "colours", True),
    "split below": (split_below, "ids", True),
}
"""Name -> writer, content of the masks as in `fakes.messy_folders`, True where folders tell the splits."""
