"""What must be said of the defects that `fakes/broken.py` makes: how bad they are, file, value and remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes import broken


@dataclass(frozen=True)
class Defect:
    """What is done to the folder, how bad it is, and the parts of the line: file, value, remedy."""

    make: Callable[[Path], None]
    grade: str
    parts: tuple[str, ...]


ERRORS = {
    "no mask": Defect(broken.no_mask, "error", ("images/photo5.jpg", "no mask", "add it or move")),
    "no image": Defect(broken.no_image, "error", ("masks/photo5.png", "no image", "add it or move")),
    "listed without mask": Defect(
        broken.listed_without_mask, "error", ("train.txt", "photo5", "add it or delete the line")
    ),
    "images empty": Defect(broken.empty_images, "error", ("images", "is empty", "put the images there")),
    "masks empty": Defect(broken.empty_masks, "error", ("masks", "is empty", "put the masks there")),
    "no masks": Defect(broken.no_masks_folder, "error", ("masks", "no known layout", "I see 11 .jpg", "expected are")),
    "two pictures of one name": Defect(
        broken.same_stem_images, "error", ("photo5.jpg", "photo5.png", "rename or remove one")
    ),
    "two masks of one name": Defect(
        broken.same_stem_masks, "error", ("photo5.bmp", "photo5.png", "rename or remove one")
    ),
    "file and folder of one name": Defect(
        broken.file_and_folder_of_one_name, "error", ("masks/photo5.png", "masks/photo5 are both masks", "remove one")
    ),
    "two kinds of masks": Defect(
        broken.two_kinds_of_masks, "error", ("annotations.json", "both masks", "move one of them")
    ),
    "two layouts": Defect(broken.two_layouts, "error", ("Cityscapes", "images/ and masks/", "name the folder")),
    "a stranger among masks": Defect(
        lambda folder: (folder / "masks/photo5.npy").touch(), "error", ("photo5.npy", "not a picture", "move it out")
    ),
    "linked folder": Defect(broken.linked_folder, "error", ("images/more", "link to a folder", "put the files there")),
    "link to nothing": Defect(
        broken.link_to_nothing, "error", ("images/photo5.jpg", "leads nowhere", "repair or remove")
    ),
    "link to itself": Defect(broken.link_loop, "error", ("masks/photo5.png", "leads nowhere", "repair or remove")),
    "split folder without masks": Defect(
        broken.split_folder_without_masks, "error", ("/val lacks", "images and masks", "add them, or rename")
    ),
    "one picture": Defect(broken.one_picture, "error", ("1 labelled picture", "at least two", "train and val")),
    "listed but absent": Defect(
        lambda folder: broken.append(folder, "train.txt", "photo99\n"),
        "error",
        ("train.txt line 9", "photo99", "add it or delete the line"),
    ),
    "listed twice": Defect(
        lambda folder: broken.append(folder, "train.txt", "photo2.jpg\n"),
        "error",
        ("train.txt line 9", "'photo2.jpg' was listed before, in line 2", "delete one"),
    ),
    "in two lists": Defect(
        lambda folder: broken.append(folder, "val.txt", "photo2\n"),
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
        broken.everything_in_val, "error", ("leaves no pictures for training", "shorten the lists")
    ),
    "truncated picture": Defect(
        lambda folder: broken.cut(folder / "images/photo5.jpg", keep=700),
        "error",
        ("images/photo5.jpg", "truncated", "replace it"),
    ),
    "empty picture": Defect(
        lambda folder: broken.cut(folder / "images/photo5.jpg", keep=0),
        "error",
        ("images/photo5.jpg", "0 bytes", "replace it"),
    ),
    "something else under a picture's name": Defect(
        broken.not_a_picture, "error", ("images/photo5.jpg", "not a picture of a known format", "replace or convert it")
    ),
    "huge picture": Defect(broken.huge_image, "error", ("images/photo5.jpg", "100000 x 100000", "cut it into tiles")),
    "picture of floats": Defect(
        broken.float_image, "error", ("images/photo5.tif", "float32", "[picture] range = [low, high]")
    ),
    "picture of other bands": Defect(
        broken.other_bands,
        "error",
        ("images/photo5.tif", "has 5 channels, 10 other pictures have 3", "save it with as many"),
    ),
    "truncated mask": Defect(
        lambda folder: broken.cut(folder / "masks/photo5.png", keep=120),
        "error",
        ("masks/photo5.png", "cannot read", "replace it"),
    ),
    "empty mask file": Defect(
        lambda folder: broken.cut(folder / "masks/photo5.png", keep=0),
        "error",
        ("masks/photo5.png", "0 bytes", "replace it"),
    ),
    "JPEG mask": Defect(broken.jpeg_mask, "error", ("masks/photo5.jpg", "is a JPEG", "save masks as PNG")),
    "mask of inks": Defect(
        broken.inked_mask, "error", ("masks/photo5.tif", "mode CMYK", "save masks as 8-bit grey PNG")
    ),
    "mask of floats": Defect(
        broken.float_mask, "error", ("masks/photo5.tif", "integers 0..65535", "save class ids as 8-")
    ),
    "transparent mask": Defect(broken.transparent_mask, "error", ("masks/photo5.png", "transparent", "without alpha")),
    "two matrices": Defect(
        broken.matlab_mask, "error", ("masks/photo5.mat", "holds a (double), b (double)", "as the only matrix")
    ),
    "broken JSON": Defect(
        lambda folder: broken.labelme(folder, '{"shapes": ['),
        "error",
        ("masks/photo5.json", "not valid JSON", "export it again"),
    ),
    "label that is no class": Defect(
        broken.unknown_label, "error", ("masks/photo5.json", "'boat'", "add it to classes")
    ),
    "annotation of no picture": Defect(
        broken.coco_stranger, "error", ("annotations.json", "image 77", "export the annotations again")
    ),
    "mask of another size": Defect(
        broken.other_size, "error", ("masks/photo5.png is 16 x 12", "images/photo5.jpg is 32 x 24", "export it again")
    ),
    "turned by EXIF": Defect(
        broken.turned_by_exif, "error", ("masks/photo5.png is 32 x 24", "images/photo5.jpg is 24 x 32", "turn the mask")
    ),
    "0 and 255": Defect(
        broken.zero_and_255, "error", ("masks/photo1.png", "value 255 (", 'classes = ["background", "foreground"]')
    ),
    "a gap in the numbers": Defect(
        broken.gap_in_numbers, "error", ("masks/photo1.png", "value 9 (", "write ", "9 = 2")
    ),
    "smoothed masks": Defect(
        broken.smoothed_masks, "error", ("masks/photo1", "256 different values", "correct the masks")
    ),
    "nothing but 0": Defect(broken.only_zero, "error", ("masks/photo1.png", "nothing but 0", "correct the masks")),
    "foreground is the ignore value": Defect(
        broken.foreground_ignored, "error", ("masks/photo1.png", "255 counts as ignore", "remap = { 0 = 0, 255 = 1 }")
    ),
    "stray value": Defect(
        broken.stray_value, "error", ("masks/photo1.png", "value 77 (2 pixels)", "add what is missing to")
    ),
    "stray colour": Defect(
        broken.stray_color, "error", ("masks/photo1.png", '"#010203" (2 pixels)', "list them in colors")
    ),
    "greys of two meanings": Defect(
        broken.ambiguous_greys,
        "error",
        ("masks/photo1.png", "one thing as colours and another", "save masks as 8-bit grey"),
    ),
    "nothing labelled": Defect(broken.nothing_labelled, "error", ("data", "no pixel to train on", "correct the masks")),
    "one class": Defect(
        broken.one_class, "error", ("data", "'sea' is the only class", "add pictures of the other classes")
    ),
    "schema that is no TOML": Defect(
        lambda folder: broken.schema(folder, "classes = [\n"),
        "error",
        ("schema.toml", "not valid TOML: Invalid", "correct it"),
    ),
    "unknown key": Defect(
        lambda folder: broken.schema(folder, 'classes = ["a", "b"]\ncolours = []\n'),
        "error",
        ("schema.toml", "'colours'", "known keys are"),
    ),
    "class named twice": Defect(
        lambda folder: broken.schema(folder, 'classes = ["sea", "sky", "sea"]\n'),
        "error",
        ("schema.toml", "'sea'", "must differ"),
    ),
    "too few colours": Defect(
        lambda folder: broken.schema(folder, 'classes = ["a", "b", "c"]\ncolors = [[0, 0, 0]]\n'),
        "error",
        ("schema.toml", "3 class names but 1 colours", "give one colour per class"),
    ),
    "ignored background by number": Defect(
        lambda folder: broken.schema(folder, 'classes = ["a", "b", "c"]\nignore = 0\n'),
        "error",
        ("schema.toml", "ignore value 0", "must lie above"),
    ),
    "target that is no class": Defect(
        lambda folder: broken.schema(folder, 'classes = ["a", "b"]\nremap = { 0 = 0, 1 = 1, 2 = 7 }\n'),
        "error",
        ("schema.toml", "2 = 7", "neither a class id (0..1) nor the ignore value"),
    ),
}
"""What training refuses, too."""

OTHERS = {
    "class that train lacks": Defect(
        broken.unseen_in_train, "warning", ("data", "class 2 'sky' has ", "move pictures that show it into train")
    ),
    "class that never occurs": Defect(
        broken.never_seen, "warning", ("data", "class 3 'ice'", "take it out of classes")
    ),
    "rare class": Defect(broken.rare, "warning", ("data", "class 1 'sea' has 1 pixels", "--class-balance 0.5")),
    "background ignored": Defect(
        broken.background_ignored, "warning", ("schema.toml", "ignores the value 0, 8", "make it a class")
    ),
    "much ignored": Defect(broken.much_ignored, "warning", ("data", "255 is ignored, 8", "list it in [remap]")),
    "void is a class": Defect(
        broken.void_is_a_class, "warning", ("data", "class 0 'void'", "give its value 255 in [remap]")
    ),
    "mask without a class": Defect(
        broken.empty_mask, "warning", ("masks/photo5.png", "768 pixels", "label it, or take")
    ),
    "two classes of one colour": Defect(
        broken.same_color,
        "warning",
        ("schema.toml", "'sea' and 'sky' have the colour #000909", "give every class a colour"),
    ),
    "palettes that disagree": Defect(
        broken.palettes_disagree,
        "warning",
        ("masks/photo2.png", "value 1 #c80000", "#090909", "save these masks as RGB"),
    ),
    "copied into val": Defect(
        broken.copied_into_val, "warning", ("photo9.jpg (val) is ", "photo2.jpg (train)", "remove one of them")
    ),
    "nearly the same in val": Defect(
        broken.nearly_in_val,
        "warning",
        ("photo9.jpg (val) looks like ", "photo2.jpg (train)", "put both into one split"),
    ),
    "one picture, two masks": Defect(
        broken.contradicting_masks, "warning", ("photo3.jpg is ", "photo2.png", "keep the right one")
    ),
    "a stranger among images": Defect(
        lambda folder: (folder / "images/notes.txt").touch(), "note", ("data", "left out: 1 file", "images/notes.txt")
    ),
    "colours without a schema": Defect(
        broken.colors_without_schema, "note", ("data", "3 colours of the masks", "names")
    ),
    "greys stored as RGB": Defect(broken.greys_as_rgb, "note", ("masks/photo1.png", "R = G = B", "8-bit grey")),
    "palette mask": Defect(broken.palette_mask, "note", ("masks/photo1.png", "count by index", "check the names")),
    "several kinds of masks": Defect(
        broken.palette_mask, "note", ("data", "1 palette (such as photo1.png), 10 grey", "check")
    ),
    "ignore never used": Defect(broken.no_ignore, "note", ("data", "255 never occurs", "mark the doubtful ones")),
    "class that val lacks": Defect(
        broken.unscored, "note", ("data", "class 2 'sky' is in train alone", "move a picture that shows it into val")
    ),
    "same picture twice": Defect(
        broken.repeated, "note", ("photo3.jpg is ", "photo2.jpg, both in train", "remove one")
    ),
    "small val": Defect(lambda folder: None, "note", ("data", "val has 3 pictures (val.txt)", "put more into val")),  # noqa: ARG005
}
"""What training starts with all the same."""
