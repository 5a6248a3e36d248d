"""COCO's panoptic format: pictures of segment numbers, and JSON that gives each segment a category.

    annotations/panoptic_train2017.json   annotations/panoptic_train2017/a.png   train2017/a.jpg

A segment's number is R + 256 G + 65536 B. Pixels of number 0 have no label: they are ignored, and so are crowds.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.color_masks import packed_colors
from atrous.data.annotations.named_shapes import class_of
from atrous.data.formats.images import read_mask
from atrous.data.formats.json_files import objects, text, whole
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import named_space, sample_names, split_of_folders
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.tree import Tree, folded, listed
from atrous.data.layouts.words import split_of, tokens
from atrous.data.pairs import Pair, check_stored_size
from atrous.data.schema import Schema, mask_dtype
from atrous.errors import InputError

_CROWD = ""
Segments = Mapping[int, str]
"""Number of a segment -> name of its category; empty for a crowd."""


@dataclass(frozen=True)
class PanopticLabels:
    """Reads the class ids of pictures of segment numbers.

    Attributes:
        segments: By picture.
    """

    segments: Mapping[Path, Segments]

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of a pair; raises InputError where it cannot be read, or a number is no segment of the JSON."""
        check_stored_size(pair)
        colors = read_mask(pair.mask)
        numbers = colors.astype(np.int64) if colors.ndim == 2 else packed_colors(colors[..., 2::-1])
        found, inverse = np.unique(numbers, return_inverse=True)
        segments = {0: _CROWD, **self.segments[pair.image]}
        labels = np.full(len(found), schema.labels.ignore, mask_dtype(schema.labels))
        for place, number in enumerate(found.tolist()):
            if number not in segments:
                raise InputError(f"{pair.mask} has segment {number}, which its JSON lacks; export both again")
            if segments[number] != _CROWD:
                try:
                    labels[place] = class_of(segments[number], schema=schema)
                except ValueError as error:
                    raise InputError(f"{pair.mask}: {error}") from error
        return labels[inverse].reshape(numbers.shape)

    def names(self, pair: Pair) -> Set[str]:
        """The categories of a picture's segments."""
        return {*self.segments[pair.image].values()} - {_CROWD}


def panoptic(tree: Tree) -> Contents | None:
    """Pictures with segments; None where no JSON that is called panoptic has any."""
    segments: dict[Path, Segments] = {}
    masks: dict[Path, tuple[Path, str]] = {}
    categories: dict[int, str] = {}
    missing: list[str] = []
    used: list[Path] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path) if "panoptic" in tokens(path.stem) else None
        if not isinstance(content, dict) or not _is_panoptic(content):
            continue
        used.append(path)
        try:
            categories |= {whole(item, "id"): text(item, "name") for item in objects(content["categories"], name="")}
            names = {whole(item, "id"): text(item, "file_name") for item in objects(content.get("images"), name="")}
            for item in objects(content["annotations"], name="annotations"):
                written = text(item, "file_name")
                mask = tree.find(written, near=path.with_suffix("") / written)
                image = _image(tree, names[whole(item, "image_id")], near=path, mask=mask)
                if image is None or mask in (None, image):
                    missing.append(written)
                    continue
                split = split_of(path.stem) or split_of_folders(image)
                segments[tree.root / image], masks[image] = _segments(item, categories), (mask, split)
        except (KeyError, ValueError) as error:
            raise InputError(f"{tree.root / path}: not of the panoptic format ({error}); export it again") from error
    if not masks:
        return None
    keys = sample_names([*masks])
    pairs = {image: Pair(keys[image], tree.root / image, tree.root / mask) for image, (mask, _) in masks.items()}
    words = {image: split for image, (_, split) in masks.items()}
    splits, lists, faults = told_splits(tree, pairs, words, read=PanopticLabels(segments), rule=_rule)
    if missing:
        line = f"{tree.root}: {len(missing)} pictures or segments of {listed(used)} are missing, such as {missing[0]!r}"
        faults = (*faults, ("missing file", f"{line:.300}; add them or take them out"))
    kept = list(dict.fromkeys(name for _, name in sorted(categories.items())))
    notes = (f"{len(pairs)} pictures with segments of {len(kept)} categories ({listed(used)}); number 0 is ignored",)
    schema = Schema(named_space(kept, background=False))
    return Contents("panoptic", splits, schema, used=lists | set(used), notes=notes, faults=faults)


def _image(tree: Tree, written: str, *, near: Path, mask: Path | None) -> Path | None:
    """The picture of an entry; where its segments have the same name, the one in a folder of the same split."""
    found = tree.find(written, near=near, pictures=True)
    if found is not None and found != mask:
        return found
    others = [path for path in tree.named(folded(Path(written).name)) if path != mask]
    beside = [path for path in others if split_of_folders(path) == split_of(near.stem) and path.parent != near.parent]
    return beside[0] if len(beside) == 1 else None


def _segments(item: dict[str, Any], categories: Mapping[int, str]) -> Segments:
    return {
        whole(one, "id"): _CROWD if one.get("iscrowd") else categories[whole(one, "category_id")]
        for one in objects(item["segments_info"], name="segments_info")
    }


def _is_panoptic(content: dict[str, Any]) -> bool:
    annotations = content.get("annotations")
    first = annotations[0] if isinstance(annotations, list) and annotations else None
    return isinstance(first, dict) and "segments_info" in first and isinstance(content.get("categories"), list)


def _rule(split: str) -> str:
    return f"pictures of {split}" if split else "all pictures with segments"
