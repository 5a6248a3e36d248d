"""Words in names of folders and files: which of them say picture, mask, or split."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from atrous.data.layouts.same_groups import same_groups
from atrous.data.layouts.short_words import LANGUAGES, spelled_out

SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "tr", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "vali"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
"""Word -> split."""
IMAGE_WORDS = frozenset(
    {
        "image", "images", "img", "imgs", "jpegimages", "picture", "pictures", "photo", "photos", "pic", "pics",
        "original", "originals", "input", "inputs", "raw", "rgb", "source", "src", "frame", "frames", "leftimg8bit",
        "color_image", "x", "scans", "scan", "orig", "org", "patches",
    }
)  # fmt: skip
MASK_WORDS = frozenset(
    {
        "mask", "masks", "label", "labels", "labelids", "annotation", "annotations", "annot", "annots", "ann", "anns",
        "segmentation", "segmentations", "segmentationclass", "segmentationclasspng", "segmentationclassnpy",
        "segmentationclassraw", "seg", "segs", "segm", "gt", "gts", "groundtruth", "gtfine", "gtcoarse", "target",
        "targets", "manual", "manual1", "manual2", "manuals", "semantic", "lbl", "lbls", "trimaps", "trimap",
        "labelled", "labeled", "annotated", "msk", "msks", "labeltrainids", "machine", "groundtruths", "y", "lab",
        "labs", "semantics", "truth", "anno", "annos",
    }
)  # fmt: skip
SECOND_CHOICE = frozenset(
    {
        "object", "objects", "instance", "instances", "instanceids", "segmentationobject", "segmentationobjectpng",
        "visualization", "vis", "viz", "segmentationclassvisualization", "segmentationobjectvisualization", "overlay",
        "overlays", "preview", "previews", "depth", "disparity", "edge", "edges", "boundary", "boundaries", "contour",
        "contours", "color", "colors", "colour", "coloured", "colored", "colorids", "human", "panoptic", "manual2",
        "second", "superpixel", "superpixels", "blend", "blended", "skeleton", "distance", "weights", "weight",
        "colormap", "colormaps", "eroded", "noboundary", "visibility", "depths", "disparities", "inst", "instanceid",
        "watershed",
    }
)  # fmt: skip
"""Words of files that lie beside masks: drawings of them, single instances, depth."""
_NO_LABELS = frozenset(
    {
        "instance", "instances", "instanceids", "instanceid", "inst", "panoptic", "human", "depth", "depths",
        "disparity", "disparities", "normals", "flow", "edge", "edges", "boundary", "boundaries", "contour", "contours",
        "distance", "superpixel", "superpixels", "skeleton", "weight", "weights", "visibility",
        "watershed",
    }
)  # fmt: skip
"""Words of files that are no drawing of the classes, either: numbers of objects, distances, outlines."""
_CLASS_WORDS = frozenset({"semantic", "semantics", "category", "categories", "class", "classes"})
"""Words before `id` or `ids` that say that files are masks, whose values are classes."""
_FIELD_WORDS = frozenset({"fov", "fovs", "roi", "rois", "fieldofview", "vignette", "validmask", "validmasks"})
"""Words of masks that say where a camera sees anything."""
_FILLERS = frozenset(
    {
        "dir", "folder", "set", "sets", "data", "dataset", "files", "file", "png", "jpg", "jpeg", "tif", "tiff", "bmp",
        "all", "final", "full", "small", "only", "new", "stage1", "stage", "pixel", "level", "pixels", "class",
        "classes", "raw", "maps", "map", "ids", "id", "semantic", "1st", "2nd", "first", "the", "of", "a", "and",
        "binary", "ground", "img8bit", "left", "fine", "part", "category",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Word:
    """The meaning of a name.

    Attributes:
        split: `train`, `val` or `test`; empty where the name says none.
        role: `image`, `mask`, or empty.
        second: True where the name tells a drawing or another by-product of masks.
        whole: True where nothing of the name is left: it is no part of a sample's name.
    """

    split: str = ""
    role: str = ""
    second: bool = False
    whole: bool = False


@lru_cache(maxsize=65536)
def meaning(name: str, shared: frozenset[str] = frozenset()) -> Word:
    """The meaning of a folder's name, such as `train_images`, `valannot`, `SegmentationClass`.

    Args:
        name: The name.
        shared: Words that folders beside it have, too, such as the name of the data set: they say nothing.
    """
    if name.lower() in ("data", "datas"):
        return Word(role="image", whole=True)
    split, role, second, rest = "", "", False, False
    parts = [part for token in tokens(name) for part in _unglued(token)]
    masks = not MASK_WORDS.isdisjoint(parts)
    for part in parts:
        if part in SPLITS:
            split = split or SPLITS[part]
        elif part in SECOND_CHOICE:
            second, role = True, "mask"
        elif part in MASK_WORDS or part in _FIELD_WORDS:
            role = "mask"
        elif part in IMAGE_WORDS:
            second = second or (part == "rgb" and role == "mask")  # `semantic_rgb`: a drawing of `semantic`
            role = role or "image"
        elif part == "right" and masks:  # of two masks; `right_images` are the other camera's
            continue
        elif part.rstrip("0123456789") not in _FILLERS and not part.isdecimal() and len(part) > 1:
            if part not in shared:
                return Word()
            rest = True
    if not role and _CLASS_WORDS & {*parts} and {"id", "ids"} & {*parts}:
        role = "mask"
    if re.sub(r"[\W_]", "", name.lower()) in ("groundtruth", "groundtruths", "pixellevel", "fieldofview"):
        role = "mask"
    return Word(split, role, second, whole=bool(split or role) and not rest)


@lru_cache(maxsize=65536)
def tokens(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: split at punctuation, and where small letters are followed by capitals."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    whole = tuple(re.findall(r"[^\W_]+", name.lower()))
    if any(token in MASK_WORDS or token in IMAGE_WORDS or token in SECOND_CHOICE for token in whole):
        return whole
    return tuple(re.findall(r"[^\W_]+", spaced.lower()))


def short_words(paths: Iterable[PurePath]) -> Mapping[str, str]:
    """Names of the folders of some files that say test in two letters -> the same names with the whole word."""
    folders = {folder for path in paths for folder in path.parents if folder.name}
    spoken = {folder.parent for folder in folders if folder.name.lower() in LANGUAGES}
    return spelled_out(folder.name for folder in folders if len(folder.name) > 2 or folder.parent not in spoken)


def folder_words(paths: Collection[PurePath], short: Mapping[str, str]) -> Mapping[PurePath, Word]:
    """The meaning of every folder of some files, given what the folders beside it are called.

    Args:
        paths: The files.
        short: Their `short_words`.
    """
    folders = {folder for path in paths for folder in path.parents if folder.name}
    names = {folder: short.get(folder.name, folder.name) for folder in folders}
    words: dict[PurePath, Counter[str]] = defaultdict(Counter)
    for folder, name in names.items():
        words[folder.parent].update({part for token in tokens(name) for part in (token, *_unglued(token))})
    shared = {parent: frozenset(word for word, count in some.items() if count > 1) for parent, some in words.items()}
    found = {folder: meaning(name, shared[folder.parent]) for folder, name in names.items()}
    masks = {
        folder for folder in found if any(_says_masks(found[one]) for one in (folder, *folder.parents) if one.name)
    }
    drawings = [folder for folder, word in found.items() if word.second]
    unknown = [folder for folder, word in found.items() if word == Word()]
    groups = same_groups(drawings, masks, unknown, holding={path.parent for path in paths})
    return found | dict.fromkeys(groups, Word())


def _says_masks(word: Word) -> bool:
    return word.role == "mask" and not word.second


def told_split(words: Sequence[Word]) -> str:
    """The split that the folders of a path tell, the last one of several (`trainval_images/val_images`)."""
    return next((word.split for word in reversed(words) if word.split), "")


def split_of(name: str) -> str:
    """The split that a file's name tells, such as `train_list` or `instances_val2017`; empty where it tells none."""
    found = {SPLITS[part] for token in tokens(name) for part in _unglued(token) if part in SPLITS and part != "tr"}
    return found.pop() if len(found) == 1 else ""


def stem_role(stem: str) -> str:
    """`mask` or `image` where the first or last word of a file's name says so; otherwise empty."""
    found = tokens(stem)
    ends = {found[0], found[-1], re.sub(r"\d+$", "", found[-1]), re.sub(r"\d+$", "", found[0])} if found else set()
    if ends & (MASK_WORDS | SECOND_CHOICE) - {"y", "color", "human"}:
        return "mask"
    return "image" if ends & IMAGE_WORDS - {"x"} else ""


def image_and_mask(names: Sequence[str]) -> tuple[str, str] | None:
    """The names, such as those of columns, that say picture and mask best; None where there are not both.

    Names that tell drawings, single instances or depth come last; a name without any such word may be the picture.
    """
    masks = [name for name in names if MASK_WORDS & {*tokens(name)}]
    images = [name for name in names if name not in masks]
    masks.sort(key=is_second_choice)
    images.sort(key=lambda name: (is_second_choice(name), not (IMAGE_WORDS | {"file"}) & {*tokens(name)}))
    return (images[0], masks[0]) if images and masks else None


def is_second_choice(name: str) -> bool:
    """Return True if a name has a word of `SECOND_CHOICE`, or tells a second annotator."""
    return any(token in SECOND_CHOICE or token.startswith(("2nd", "instance")) for token in tokens(name))


def is_no_label(name: str) -> bool:
    """Return True if a name says that files are no classes, not even drawn: single objects, depth, outlines."""
    found = {*tokens(name)}
    numbered = {"object", "objects"} & found and {"id", "ids"} & found
    return bool(numbered or _NO_LABELS & found or any(token.startswith("instance") for token in found))


def says_classes(name: str) -> bool:
    """Return True if a name says that values are classes: `semantic`, `Category_ids`, `label_id`, `labelTrainIds`."""
    found = {*tokens(name)}
    numbered = {"label", "class", "classes"} & found and {"id", "ids"} & found
    whole = any(token.startswith("segmentationclass") or re.fullmatch(r"label\w*ids", token) for token in found)
    return bool(numbered or {"semantic", "semantics", "category", "categories"} & found or whole)


def is_field(name: str) -> bool:
    """Return True if a name says that masks are fields of view."""
    glued = re.sub(r"[\W_]", "", name.lower())
    return any(token in _FIELD_WORDS for token in tokens(name)) or glued.endswith("fieldofview")


def kind_words(name: str) -> tuple[str, ...]:
    """The words of a folder's name without those that tell a split."""
    return tuple(part for token in tokens(name) for part in _unglued(token) if part not in SPLITS)


def _unglued(token: str) -> tuple[str, ...]:
    """`trainannot` as `train` and `annot`, `val2017` as `val` and `2017`, other words as they are."""
    known = SPLITS.keys() | MASK_WORDS | IMAGE_WORDS | SECOND_CHOICE
    if token in known:
        return (token,)
    for cut in range(2, len(token)):
        head, tail = token[:cut], token[cut:]
        if head in SPLITS and len(head) > 2 and (tail in known or tail.isdecimal()):
            return head, tail
        if tail in SPLITS and len(tail) > 2 and (head in known and len(head) > 1):
            return tail, head
        if head in known and len(head) > 2 and tail.isdecimal():
            return head, tail
    return (token,)
