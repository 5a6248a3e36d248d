"""Data sets in which depth, outlines and numbers of objects lie beside the masks of classes."""

from pathlib import Path

import numpy as np
from PIL import Image

from fakes.layouts import NAMES, SIZE, TRAIN, color_mask, ids_mask, part, picture, truth
from fakes.messy_folders import black_and_white
from fakes.published import save


def instances(name: str) -> Image.Image:
    """Numbers of objects: more values than there are classes."""
    return Image.fromarray((truth(name) * (1 + NAMES.index(name) % 3)).astype(np.uint8))


def depth(name: str) -> Image.Image:
    """As many greys as a photo has."""
    noise = np.random.default_rng(NAMES.index(name)).integers(0, 256, SIZE)
    return Image.fromarray(noise.astype(np.uint8))


def outlines(name: str) -> Image.Image:
    """White where classes meet."""
    ids = truth(name)
    return Image.fromarray(((ids != np.roll(ids, 1, axis=0)) * 255).astype(np.uint8))


def people(folder: Path) -> None:
    """Parts of bodies, people and parts of people by number, each in a folder; drawings; in folders of splits."""
    for name in NAMES:
        place = folder / "human_parsing" / ("Training" if name in TRAIN else "Validation")
        save(picture(name), place / f"Images/{name}.png")
        save(ids_mask(name), place / f"Category_ids/{name}.png")
        save(instances(name), place / f"Instance_ids/{name}.png")
        save(Image.fromarray((truth(name) > 0).astype(np.uint8)), place / f"Human_ids/{name}.png")
        save(color_mask(name), place / f"Categories/{name}.png")


def exported(folder: Path) -> None:
    """Numbers of objects under the plain name, classes under a longer one."""
    for name in NAMES:
        save(picture(name), folder / f"{name}.jpg")
        save(instances(name), folder / f"{name}_label_ground-truth.png")
        save(ids_mask(name), folder / f"{name}_label_ground-truth_semantic.png")


def depth_in_one_folder(folder: Path) -> None:
    """Colour, depth and labels of every frame."""
    for name in NAMES:
        save(picture(name), folder / f"0000/{name}-color.png")
        save(ids_mask(name), folder / f"0000/{name}-label.png")
        save(depth(name), folder / f"0000/{name}-depth.png")


def depth_and_objects(folder: Path) -> None:
    """Three files beside every picture."""
    for name in NAMES:
        save(picture(name), folder / f"{name}_image.png")
        save(ids_mask(name), folder / f"{name}_semantic.png")
        save(instances(name), folder / f"{name}_instance.png")
        save(depth(name), folder / f"{name}_depth.png")


def forest(folder: Path) -> None:
    """Masks in colours beside depth and infrared, in folders of their own."""
    for name in NAMES:
        place = folder / ("train" if name in TRAIN else "test")
        save(picture(name), place / f"rgb/{name}_Clipped.png")
        save(color_mask(name), place / f"GT_color/{name}_mask.png")
        save(depth(name), place / f"depth_gray/{name}_Clipped_depth_gray.png")
        save(picture(name).convert("L"), place / f"nir_gray/{name}.png")


def camouflage(folder: Path) -> None:
    """Masks of objects, their outlines, and a colour for each object."""
    for name in NAMES:
        place = folder / ("Train" if name in TRAIN else "Test")
        save(picture(name), place / f"Image/{name}.jpg")
        save(black_and_white(name), place / f"GT_Object/{name}.png")
        save(outlines(name), place / f"GT_Edge/{name}.png")
        save(color_mask(name), place / f"GT_Instance/{name}.png")


def levels(folder: Path) -> None:
    """Classes and objects of one level, told by the end of the name."""
    for number, name in enumerate(NAMES):
        place = f"{part(name)}/{number % 2}/{name}"
        save(picture(name), folder / f"leftImg8bit/{place}_leftImg8bit.png")
        save(ids_mask(name), folder / f"gtFine/{place}_gtFine_labellevel3Ids.png")
        objects = Image.fromarray(truth(name).astype(np.uint16) * 1000)
        save(objects, folder / f"gtFine/{place}_gtFine_instancelevel3Ids.png")


def seams(folder: Path) -> None:
    """Masks, drawings of them, and masks with a line between the classes, which is one value more."""
    for name in NAMES:
        save(picture(name), folder / f"video01/{name}_endo.png")
        save(ids_mask(name), folder / f"video01/{name}_endo_mask.png")
        save(color_mask(name), folder / f"video01/{name}_endo_color_mask.png")
        lined = np.where(np.asarray(outlines(name)) > 0, 3, truth(name)).astype(np.uint8)
        save(Image.fromarray(lined), folder / f"video01/{name}_endo_watershed_mask.png")


BYPRODUCTS = {
    "seams": (seams, "ids", False),
    "people": (people, "ids", True),
    "exported": (exported, "ids", False),
    "depth in one folder": (depth_in_one_folder, "ids", False),
    "depth and objects": (depth_and_objects, "ids", False),
    "forest": (forest, "colours", True),
    "camouflage": (camouflage, "foreground", True),
    "levels": (levels, "ids", True),
}
"""Name -> writer, content of the masks as in `fakes.messy_folders`, True where folders tell the splits."""
