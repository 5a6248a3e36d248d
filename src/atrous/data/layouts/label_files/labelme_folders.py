"""Folders of `labelme_json_to_dataset`: for each picture its label map, and the names that its numbers count.

a_json/img.png    a_json/label.png    a_json/label_names.txt    a_json/label_viz.png    a_json/info.yaml

Every folder has its own list of names: number 1 may be a cat in one and a dog in the next.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.masks import read_values
from atrous.data.annotations.named_shapes import IGNORED, class_of
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import named_space, sample_names, split_of_folders
from atrous.data.layouts.label_files.labelme import is_labelme
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.small_texts import text_of, yaml_content
from atrous.data.layouts.tree import Tree
from atrous.data.pairs import Pair, check_stored_size
from atrous.data.schema import Schema, mask_dtype
from atrous.errors import InputError

_NAMES = ("label_names.txt", "info.yaml")
_UNLABELLED = 255
"""Number of pixels under LabelMe's `__ignore__`, which no list of names has."""


@dataclass(frozen=True)
class CountedNames:
    """Reads label maps whose numbers count a list of names of their own.

    Attributes:
        names_of: Mask -> the names of its numbers, from 0 on.
    """

    names_of: Mapping[Path, tuple[str, ...]]

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of a pair; raises InputError where a number has no name, or a name is no class."""
        check_stored_size(pair)
        numbers = read_values(pair.mask)
        names = self.names_of[pair.mask]
        found, inverse = np.unique(numbers, return_inverse=True)
        labels = np.full(len(found), schema.labels.ignore, mask_dtype(schema.labels))
        for place, number in enumerate(found.tolist()):
            if not 0 <= number < len(names) and number != _UNLABELLED:
                line = f"has number {number}, but {len(names)} names are listed beside it, from 0 on"
                raise InputError(f"{pair.mask} {line}; export its folder again")
            try:
                labels[place] = class_of(names[number] if number < len(names) else IGNORED, schema=schema)
            except ValueError as error:
                raise InputError(f"{pair.mask}: {error}") from error
        return labels[inverse].reshape(numbers.shape)

    def names(self, pair: Pair) -> Set[str]:
        """The names of a picture's list."""
        return {*self.names_of[pair.mask]}


def labelme_folders(tree: Tree) -> Contents | None:
    """Pictures with a label map and its names, each in a folder; None where there is none.

    None, too, where some of LabelMe's files have no such folder: then these files label more pictures.
    """
    masks: dict[Path, Path] = {}
    names: dict[Path, tuple[str, ...]] = {}
    used: set[Path] = set()
    faults: list[tuple[str, str]] = []
    files = {*tree.files}
    for mask in tree.named("label.png"):
        lists = [mask.with_name(name) for name in _NAMES if mask.with_name(name) in files]
        listed = next(filter(None, (_listed(tree, path) for path in lists)), ())
        if not listed:
            continue
        image = _image(tree, mask.parent, files)
        if image is None:
            faults.append(("no image", f"no image for {tree.root / mask}; put it beside as img.png, or move it away"))
            continue
        masks[image], names[tree.root / mask] = mask, listed
        used |= {*lists}
    converted = {mask.parent.name for mask in masks.values()}
    others = [path for path in tree.with_suffix(".json") if _folder_of(path) not in converted]
    if not masks or any(is_labelme(tree.json(path)) for path in others):
        return None
    keys = sample_names([*masks])
    pairs = {image: Pair(keys[image], tree.root / image, tree.root / mask) for image, mask in masks.items()}
    words = {image: split_of_folders(image) for image in masks}
    splits, lists_used, wrong = told_splits(tree, pairs, words, read=CountedNames(names), rule=_rule)
    every = sorted({name for listed in names.values() for name in listed})
    notes = [f"{len(masks)} pictures have label maps of LabelMe, each with its own list of names"]
    if len({*names.values()}) > 1:
        notes.append("these lists differ: classes go by names, not by the numbers of the label maps")
    return Contents(
        "folders of labelme_json_to_dataset",
        splits,
        Schema(named_space(every)),
        used=lists_used | used,
        notes=tuple(notes),
        faults=(*faults, *wrong),
    )


def _folder_of(path: Path) -> str:
    """The name of the folder that `labelme_json_to_dataset` makes of a file."""
    return f"{path.stem}_json"


def _rule(split: str) -> str:
    return f"folders of {split}" if split else "all pictures with a label map"


def _listed(tree: Tree, path: Path) -> tuple[str, ...]:
    """The names in a file; none where it lists none."""
    if path.suffix == ".txt":
        return tuple(line.strip() for line in text_of(tree, path).splitlines() if line.strip())
    listed = yaml_content(tree, path).get("label_names")
    return tuple(str(name) for name in listed) if isinstance(listed, list) else ()


def _image(tree: Tree, folder: Path, files: Set[Path]) -> Path | None:
    """The picture in a folder, or else the one that the folder is called after."""
    own = [folder / f"img{suffix}" for suffix in sorted(IMAGE_SUFFIXES) if folder / f"img{suffix}" in files]
    return own[0] if own else tree.find(folder.name.removesuffix("_json"), near=folder, pictures=True)
