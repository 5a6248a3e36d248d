"""Defects of data sets, each made in a folder that is sound otherwise, with what must be said of it.

The sound folder: `photo1` to `photo11` as 12x16 JPEG, masks of 0, 1, 2 and 255, `train.txt` and `val.txt`, no schema.
"""

import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
import tifffile
from PIL import Image

from fakes.folder import NAMES, fake_folder


@dataclass(frozen=True)
class Defect:
    """What is done to the folder, how bad it is, and the parts of the line: file, value, remedy."""

    make: Callable[[Path], None]
    grade: str
    parts: tuple[str, ...]


def sound_folder(folder: Path) -> Path:
    """Nothing to complain of but a small `val`."""
    fake_folder(folder, size=(24, 32))
    (folder / "train.txt").write_text("".join(f"{name}\n" for name in NAMES[:8]))
    (folder / "val.txt").write_text("".join(f"{name}\n" for name in NAMES[8:]))
    return folder


def mask_of(folder: Path, name: str = "photo1") -> np.ndarray:
    return np.array(Image.open(folder / f"masks/{name}.png"))


def save_mask(folder: Path, values: np.ndarray, name: str = "photo1") -> None:
    Image.fromarray(values).save(folder / f"masks/{name}.png")


def without_lists(folder: Path) -> None:
    for path in folder.glob("*.txt"):
        path.unlink()


def schema(folder: Path, text: str = 'classes = ["land", "sea", "sky"]\n') -> None:
    (folder / "schema.toml").write_text(text)


def each_mask(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for name in NAMES:
        save_mask(folder, change(mask_of(folder, name)), name)


def cut(path: Path, *, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


# Pairs, files and lists.


def no_mask(folder: Path) -> None:
    without_lists(folder)
    (folder / "masks/photo5.png").unlink()


def no_image(folder: Path) -> None:
    without_lists(folder)
    (folder / "images/photo5.jpg").unlink()


def listed_without_mask(folder: Path) -> None:
    (folder / "masks/photo5.png").unlink()


def empty_images(folder: Path) -> None:
    shutil.rmtree(folder / "images")
    (folder / "images").mkdir()


def no_masks_folder(folder: Path) -> None:
    shutil.rmtree(folder / "masks")


def empty_masks(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    (folder / "masks").mkdir()


def same_stem_images(folder: Path) -> None:
    Image.new("RGB", (32, 24)).save(folder / "images/photo5.png")


def same_stem_masks(folder: Path) -> None:
    Image.new("L", (32, 24)).save(folder / "masks/photo5.bmp")


def file_and_folder_of_one_name(folder: Path) -> None:
    (folder / "masks/photo5").mkdir()
    Image.new("L", (32, 24), 1).save(folder / "masks/photo5/cat.png")


def two_kinds_of_masks(folder: Path) -> None:
    (folder / "annotations.json").write_text("{}")


def two_layouts(folder: Path) -> None:
    (folder / "leftImg8bit").mkdir()


def linked_folder(folder: Path) -> None:
    (folder / "images/more").symlink_to(folder / "masks", target_is_directory=True)


def link_to_nothing(folder: Path) -> None:
    (folder / "images/photo5.jpg").unlink()
    (folder / "images/photo5.jpg").symlink_to(folder / "gone.jpg")


def link_loop(folder: Path) -> None:
    (folder / "masks/photo5.png").unlink()
    (folder / "masks/photo5.png").symlink_to(folder / "masks/photo5.png")


def split_folder_without_masks(folder: Path) -> None:
    for part in ("images", "masks"):
        (folder / "train").mkdir(exist_ok=True)
        (folder / part).rename(folder / "train" / part)
    without_lists(folder)
    (folder / "val/images").mkdir(parents=True)


def one_picture(folder: Path) -> None:
    without_lists(folder)
    for name in NAMES[1:]:
        (folder / f"images/{name}.jpg").unlink()
        (folder / f"masks/{name}.png").unlink()


def append(folder: Path, name: str, line: str) -> None:
    with (folder / name).open("a") as file:
        file.write(line)


def everything_in_val(folder: Path) -> None:
    (folder / "train.txt").unlink()
    (folder / "val.txt").write_text("\n".join(NAMES))


# Pictures and masks that cannot be read as such.


def not_a_picture(folder: Path) -> None:
    (folder / "images/photo5.jpg").write_text("<html>404</html>")


def huge_image(folder: Path) -> None:
    """A PNG of a few bytes that says it has 100000 x 100000 pixels."""
    path = folder / "images/photo5.jpg"
    Image.new("1", (1, 1)).save(path, format="PNG")
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)


def float_image(folder: Path) -> None:
    (folder / "images/photo5.jpg").unlink()
    Image.fromarray(np.zeros((24, 32), np.float32)).save(folder / "images/photo5.tif")


def other_bands(folder: Path) -> None:
    (folder / "images/photo5.jpg").unlink()
    bands = np.random.default_rng(0).integers(0, 256, (24, 32, 5), np.uint8)
    tifffile.imwrite(folder / "images/photo5.tif", bands, photometric="minisblack", planarconfig="contig")


def jpeg_mask(folder: Path) -> None:
    Image.open(folder / "masks/photo5.png").save(folder / "masks/photo5.jpg")
    (folder / "masks/photo5.png").unlink()


def inked_mask(folder: Path) -> None:
    Image.new("CMYK", (32, 24)).save(folder / "masks/photo5.tif")
    (folder / "masks/photo5.png").unlink()


def float_mask(folder: Path) -> None:
    Image.fromarray(np.full((24, 32), 0.5, np.float32)).save(folder / "masks/photo5.tif")
    (folder / "masks/photo5.png").unlink()


def transparent_mask(folder: Path) -> None:
    Image.new("RGBA", (32, 24), (1, 1, 1, 7)).save(folder / "masks/photo5.png")


def matlab_mask(folder: Path) -> None:
    scipy.io.savemat(folder / "masks/photo5.mat", {"a": np.eye(3), "b": np.eye(3)})
    (folder / "masks/photo5.png").unlink()


def labelme(folder: Path, content: str) -> None:
    schema(folder)
    (folder / "masks/photo5.png").unlink()
    (folder / "masks/photo5.json").write_text(content)


def unknown_label(folder: Path) -> None:
    corners = [[1, 1], [9, 1], [9, 9]]
    shapes = [{"label": "boat", "points": corners, "shape_type": "polygon"}]
    labelme(folder, json.dumps({"imageHeight": 24, "imageWidth": 32, "shapes": shapes}))


def coco_stranger(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    size = {"height": 24, "width": 32}
    images = [{"id": number, "file_name": f"{name}.jpg", **size} for number, name in enumerate(NAMES)]
    annotation = {"id": 1, "image_id": 77, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]], "area": 40}
    content = {"images": images, "annotations": [annotation], "categories": [{"id": 1, "name": "cat"}]}
    (folder / "annotations.json").write_text(json.dumps(content))


# Sizes.


def other_size(folder: Path) -> None:
    save_mask(folder, np.zeros((12, 16), np.uint8), "photo5")


def turned_by_exif(folder: Path) -> None:
    picture = Image.open(folder / "images/photo5.jpg")
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(folder / "images/photo5.jpg", exif=exif)


# What masks say.


def zero_and_255(folder: Path) -> None:
    each_mask(folder, lambda mask: np.where(mask == 1, 255, 0).astype(np.uint8))


def gap_in_numbers(folder: Path) -> None:
    each_mask(folder, lambda mask: np.where(mask == 2, 9, mask).astype(np.uint8))


def smoothed_masks(folder: Path) -> None:
    each_mask(folder, lambda mask: np.arange(mask.size, dtype=np.uint8).reshape(mask.shape))


def only_zero(folder: Path) -> None:
    each_mask(folder, np.zeros_like)


def foreground_ignored(folder: Path) -> None:
    zero_and_255(folder)
    schema(folder, 'classes = ["road", "crack"]\n')


def stray_value(folder: Path) -> None:
    schema(folder)
    mask = mask_of(folder)
    mask[0, :2] = 77
    save_mask(folder, mask)


def colors_without_schema(folder: Path) -> None:
    palette = np.zeros((256, 3), np.uint8)
    palette[:3] = [(0, 0, 0), (0, 200, 0), (30, 0, 90)]
    each_mask(folder, lambda mask: palette[mask])


COLORED = (
    'classes = ["land", "sea", "sky"]\ncolors = [[0, 0, 0], [0, 200, 0], [30, 0, 90]]\nremap = { "#ffffff" = 255 }\n'
)


def stray_color(folder: Path) -> None:
    colors_without_schema(folder)
    schema(folder, COLORED)
    mask = mask_of(folder)
    mask[0, :2] = (1, 2, 3)
    save_mask(folder, mask)


def ambiguous_greys(folder: Path) -> None:
    each_mask(folder, lambda mask: np.stack([np.minimum(mask, 2)] * 3, axis=2))
    schema(folder, 'classes = ["a", "b", "c"]\ncolors = [[0, 0, 0], [2, 2, 2], [1, 1, 1]]\n')


def nothing_labelled(folder: Path) -> None:
    schema(folder)
    for name in NAMES[:8]:
        save_mask(folder, np.full((24, 32), 255, np.uint8), name)


# What costs quality.


def in_masks(folder: Path, change: Callable[[np.ndarray], np.ndarray], names: tuple[str, ...] = NAMES) -> None:
    schema(folder)
    for name in names:
        save_mask(folder, change(mask_of(folder, name)), name)


def unseen_in_train(folder: Path) -> None:
    in_masks(folder, lambda mask: np.where(mask == 2, 0, mask).astype(np.uint8), NAMES[:8])


def never_seen(folder: Path) -> None:
    schema(folder, 'classes = ["land", "sea", "sky", "ice"]\n')


def rare(folder: Path) -> None:
    in_masks(folder, lambda mask: np.minimum(mask, 1) * 0)
    mask = mask_of(folder)
    mask[0, 0] = 1
    mask[1:] = 2
    save_mask(folder, mask)


def one_class(folder: Path) -> None:
    in_masks(folder, lambda mask: np.where(mask == 255, 255, 1).astype(np.uint8))


def background_ignored(folder: Path) -> None:
    schema(folder, 'classes = ["crack", "hole"]\nremap = { 0 = 255, 1 = 0, 2 = 1 }\n')
    each_mask(folder, lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) % 4 > 0, 0, mask).astype(np.uint8))


def much_ignored(folder: Path) -> None:
    in_masks(
        folder, lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) % 4 > 0, 255, mask).astype(np.uint8)
    )


def void_is_a_class(folder: Path) -> None:
    schema(folder, 'classes = ["void", "sea", "sky"]\n')


def empty_mask(folder: Path) -> None:
    in_masks(folder, lambda mask: np.full_like(mask, 255), ("photo5",))


def same_color(folder: Path) -> None:
    schema(folder, 'classes = ["land", "sea", "sky"]\ncolors = [[0, 0, 0], [0, 9, 9], [0, 9, 9]]\n')


def palettes_disagree(folder: Path) -> None:
    for name, color in (("photo1", (9, 9, 9)), ("photo2", (200, 0, 0))):
        mask = Image.fromarray(mask_of(folder, name))
        mask.putpalette(np.array([(0, 0, 0), color, (1, 2, 3)] + [(0, 0, 0)] * 253, np.uint8).tobytes())
        mask.save(folder / f"masks/{name}.png")


def copied_into_val(folder: Path) -> None:
    shutil.copy(folder / "images/photo2.jpg", folder / "images/photo9.jpg")


def scene(seed: int) -> Image.Image:
    """Soft shapes that survive compression."""
    greys = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(greys).resize((128, 96), Image.Resampling.BICUBIC)


def nearly_in_val(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        scene(number).save(folder / f"images/{name}.jpg", quality=95)
        Image.fromarray(mask_of(folder, name)).resize((128, 96), Image.Resampling.NEAREST).save(
            folder / f"masks/{name}.png"
        )
    scene(1).point(lambda value: min(value + 6, 255)).save(folder / "images/photo9.jpg", quality=40)


def contradicting_masks(folder: Path) -> None:
    shutil.copy(folder / "images/photo2.jpg", folder / "images/photo3.jpg")
    save_mask(folder, np.ones((24, 32), np.uint8), "photo3")


# What is worth knowing.


def greys_as_rgb(folder: Path) -> None:
    save_mask(folder, np.stack([mask_of(folder)] * 3, axis=2))


def palette_mask(folder: Path) -> None:
    mask = Image.fromarray(mask_of(folder))
    mask.putpalette(bytes(range(256)) * 3)
    mask.save(folder / "masks/photo1.png")


def no_ignore(folder: Path) -> None:
    each_mask(folder, lambda mask: np.minimum(mask, 2))


def unscored(folder: Path) -> None:
    in_masks(folder, lambda mask: np.where(mask == 2, 0, mask).astype(np.uint8), NAMES[8:])


def repeated(folder: Path) -> None:
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        shutil.copy(folder / f"{part}/photo2.{suffix}", folder / f"{part}/photo3.{suffix}")


ERRORS = {
    "no mask": Defect(no_mask, "error", ("images/photo5.jpg", "no mask", "add it or move")),
    "no image": Defect(no_image, "error", ("masks/photo5.png", "no image", "add it or move")),
    "listed without mask": Defect(listed_without_mask, "error", ("train.txt", "photo5", "add it or delete the line")),
    "images empty": Defect(empty_images, "error", ("images", "is empty", "put the images there")),
    "masks empty": Defect(empty_masks, "error", ("masks", "is empty", "put the masks there")),
    "no masks": Defect(no_masks_folder, "error", ("masks", "no known layout", "expected are")),
    "two pictures of one name": Defect(same_stem_images, "error", ("photo5.jpg", "photo5.png", "rename or remove one")),
    "two masks of one name": Defect(same_stem_masks, "error", ("photo5.bmp", "photo5.png", "rename or remove one")),
    "file and folder of one name": Defect(
        file_and_folder_of_one_name, "error", ("masks/photo5.png", "masks/photo5 are both masks", "remove one")
    ),
    "two kinds of masks": Defect(two_kinds_of_masks, "error", ("annotations.json", "both masks", "move one of them")),
    "two layouts": Defect(two_layouts, "error", ("Cityscapes", "images/ and masks/", "name the folder")),
    "a stranger among masks": Defect(
        lambda folder: (folder / "masks/photo5.npy").touch(), "error", ("photo5.npy", "not a picture", "move it out")
    ),
    "a stranger among images": Defect(
        lambda folder: (folder / "images/notes.txt").touch(), "error", ("notes.txt", "not a picture", "move it out")
    ),
    "linked folder": Defect(linked_folder, "error", ("images/more", "link to a folder", "put the files there")),
    "link to nothing": Defect(link_to_nothing, "error", ("images/photo5.jpg", "leads nowhere", "repair or remove")),
    "link to itself": Defect(link_loop, "error", ("masks/photo5.png", "leads nowhere", "repair or remove")),
    "split folder without masks": Defect(
        split_folder_without_masks, "error", ("/val lacks", "images and masks", "add them, or rename")
    ),
    "one picture": Defect(one_picture, "error", ("1 labelled picture", "at least two", "train and val")),
    "listed but absent": Defect(
        lambda folder: append(folder, "train.txt", "photo99\n"),
        "error",
        ("train.txt line 9", "photo99", "add it or delete the line"),
    ),
    "listed twice": Defect(
        lambda folder: append(folder, "train.txt", "photo2.jpg\n"),
        "error",
        ("train.txt line 9", "'photo2.jpg' was listed before, in line 2", "delete one"),
    ),
    "in two lists": Defect(
        lambda folder: append(folder, "val.txt", "photo2\n"),
        "error",
        ("images/photo2.jpg", "in both train and val", "take it out of one"),
    ),
    "empty list": Defect(
        lambda folder: (folder / "val.txt").write_text("\n"), "error", ("val.txt", "is empty", "list at least one")
    ),
    "list in another encoding": Defect(
        lambda folder: (folder / "val.txt").write_bytes("photo9\n".encode("utf-16")),
        "error",
        ("val.txt", "not UTF-8", "save the list as UTF-8"),
    ),
    "nothing left to train on": Defect(
        everything_in_val, "error", ("leaves no pictures for training", "shorten the lists")
    ),
    "truncated picture": Defect(
        lambda folder: cut(folder / "images/photo5.jpg", keep=700),
        "error",
        ("images/photo5.jpg", "truncated", "replace it"),
    ),
    "empty picture": Defect(
        lambda folder: cut(folder / "images/photo5.jpg", keep=0),
        "error",
        ("images/photo5.jpg", "0 bytes", "replace it"),
    ),
    "something else under a picture's name": Defect(
        not_a_picture, "error", ("images/photo5.jpg", "not a picture of a known format", "replace or convert it")
    ),
    "huge picture": Defect(huge_image, "error", ("images/photo5.jpg", "100000 x 100000", "cut it into tiles")),
    "picture of floats": Defect(float_image, "error", ("images/photo5.tif", "floating-point", "save it with 8 or 16")),
    "picture of other bands": Defect(
        other_bands, "error", ("images/photo5.tif", "has 5 channels, 10 other pictures have 3", "save it with as many")
    ),
    "truncated mask": Defect(
        lambda folder: cut(folder / "masks/photo5.png", keep=120),
        "error",
        ("masks/photo5.png", "cannot read", "replace it"),
    ),
    "empty mask file": Defect(
        lambda folder: cut(folder / "masks/photo5.png", keep=0), "error", ("masks/photo5.png", "0 bytes", "replace it")
    ),
    "JPEG mask": Defect(jpeg_mask, "error", ("masks/photo5.jpg", "is a JPEG", "save masks as PNG")),
    "mask of inks": Defect(inked_mask, "error", ("masks/photo5.tif", "mode CMYK", "save masks as 8-bit grey PNG")),
    "mask of floats": Defect(float_mask, "error", ("masks/photo5.tif", "integers 0..65535", "save class ids as 8-")),
    "transparent mask": Defect(transparent_mask, "error", ("masks/photo5.png", "transparent", "without alpha")),
    "two matrices": Defect(
        matlab_mask, "error", ("masks/photo5.mat", "holds a (double), b (double)", "as the only matrix")
    ),
    "broken JSON": Defect(
        lambda folder: labelme(folder, '{"shapes": ['),
        "error",
        ("masks/photo5.json", "not valid JSON", "export it again"),
    ),
    "label that is no class": Defect(unknown_label, "error", ("masks/photo5.json", "'boat'", "add it to classes")),
    "annotation of no picture": Defect(
        coco_stranger, "error", ("annotations.json", "image 77", "export the annotations again")
    ),
    "mask of another size": Defect(
        other_size, "error", ("masks/photo5.png is 16 x 12", "images/photo5.jpg is 32 x 24", "export it again")
    ),
    "turned by EXIF": Defect(
        turned_by_exif, "error", ("masks/photo5.png is 32 x 24", "images/photo5.jpg is 24 x 32", "turn the mask")
    ),
    "0 and 255": Defect(
        zero_and_255, "error", ("masks/photo1.png", "value 255 (", 'classes = ["value 0", "value 255"]')
    ),
    "a gap in the numbers": Defect(gap_in_numbers, "error", ("masks/photo1.png", "value 9 (", "write ", "9 = 2")),
    "smoothed masks": Defect(smoothed_masks, "error", ("masks/photo1", "256 different values", "correct the masks")),
    "nothing but 0": Defect(only_zero, "error", ("masks/photo1.png", "nothing but 0", "correct the masks")),
    "foreground is the ignore value": Defect(
        foreground_ignored, "error", ("masks/photo1.png", "255 counts as ignore", "remap = { 0 = 0, 255 = 1 }")
    ),
    "stray value": Defect(stray_value, "error", ("masks/photo1.png", "value 77 (2 pixels)", "add what is missing to")),
    "colours without a schema": Defect(
        colors_without_schema, "error", ("masks/photo1.png", "3 colours", "list the colors of the classes")
    ),
    "stray colour": Defect(stray_color, "error", ("masks/photo1.png", '"#010203" (2 pixels)', "list them in colors")),
    "greys of two meanings": Defect(
        ambiguous_greys, "error", ("masks/photo1.png", "one thing as colours and another", "save masks as 8-bit grey")
    ),
    "nothing labelled": Defect(nothing_labelled, "error", ("data", "no pixel to train on", "correct the masks")),
    "schema that is no TOML": Defect(
        lambda folder: schema(folder, "classes = [\n"), "error", ("schema.toml", "not valid TOML", "line 1", "correct it")
    ),
    "unknown key": Defect(
        lambda folder: schema(folder, 'classes = ["a", "b"]\ncolours = []\n'),
        "error",
        ("schema.toml", "'colours'", "known keys are"),
    ),
    "class named twice": Defect(
        lambda folder: schema(folder, 'classes = ["sea", "sky", "sea"]\n'),
        "error",
        ("schema.toml", "'sea'", "must differ"),
    ),
    "too few colours": Defect(
        lambda folder: schema(folder, 'classes = ["a", "b", "c"]\ncolors = [[0, 0, 0]]\n'),
        "error",
        ("schema.toml", "3 class names but 1 colours", "give one colour per class"),
    ),
    "ignored background by number": Defect(
        lambda folder: schema(folder, 'classes = ["a", "b", "c"]\nignore = 0\n'),
        "error",
        ("schema.toml", "ignore value 0", "must lie above"),
    ),
    "target that is no class": Defect(
        lambda folder: schema(folder, 'classes = ["a", "b"]\nremap = { 0 = 0, 1 = 1, 2 = 7 }\n'),
        "error",
        ("schema.toml", "2 = 7", "neither a class id (0..1) nor the ignore value"),
    ),
}  # fmt: skip
"""What training refuses, too."""

OTHERS = {
    "class that train lacks": Defect(
        unseen_in_train, "warning", ("data", "class 2 'sky' has ", "move pictures that show it into train")
    ),
    "class that never occurs": Defect(never_seen, "warning", ("data", "class 3 'ice'", "take it out of classes")),
    "rare class": Defect(rare, "warning", ("data", "class 1 'sea' has 1 pixels", "--class-balance 0.5")),
    "one class": Defect(one_class, "warning", ("data", "'sea' is the only class", "add pictures of the other classes")),
    "background ignored": Defect(
        background_ignored, "warning", ("schema.toml", "ignores the value 0, 8", "make it a class")
    ),
    "much ignored": Defect(much_ignored, "warning", ("data", "255 is ignored, 8", "list it in [remap]")),
    "void is a class": Defect(void_is_a_class, "warning", ("data", "class 0 'void'", "give its value 255 in [remap]")),
    "mask without a class": Defect(empty_mask, "warning", ("masks/photo5.png", "768 pixels", "label it, or take")),
    "two classes of one colour": Defect(
        same_color, "warning", ("schema.toml", "'sea' and 'sky' have the colour #000909", "give every class a colour")
    ),
    "palettes that disagree": Defect(
        palettes_disagree, "warning", ("masks/photo2.png", "value 1 #c80000", "#090909", "save these masks as RGB")
    ),
    "copied into val": Defect(
        copied_into_val, "warning", ("photo9.jpg (val) is ", "photo2.jpg (train)", "remove one of them")
    ),
    "nearly the same in val": Defect(
        nearly_in_val, "warning", ("photo9.jpg (val) looks like ", "photo2.jpg (train)", "put both into one split")
    ),
    "one picture, two masks": Defect(
        contradicting_masks, "warning", ("photo3.jpg is ", "photo2.png", "keep the right one")
    ),
    "greys stored as RGB": Defect(greys_as_rgb, "note", ("masks/photo1.png", "R = G = B", "8-bit grey")),
    "palette mask": Defect(palette_mask, "note", ("masks/photo1.png", "count by index", "check the names")),
    "several kinds of masks": Defect(
        palette_mask, "note", ("data", "1 palette (such as photo1.png), 10 grey", "check")
    ),
    "ignore never used": Defect(no_ignore, "note", ("data", "255 never occurs", "mark the doubtful ones")),
    "class that val lacks": Defect(
        unscored, "note", ("data", "class 2 'sky' is in train alone", "move a picture that shows it into val")
    ),
    "same picture twice": Defect(repeated, "note", ("photo3.jpg is ", "photo2.jpg, both in train", "remove one")),
    "small val": Defect(lambda folder: None, "note", ("data", "val has 3 pictures (val.txt)", "put more into val")),  # noqa: ARG005
}
"""What training starts with all the same."""
