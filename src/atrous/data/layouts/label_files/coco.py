"""COCO's JSON of instances, of any name and place: one file for all pictures, or one for each split.

    annotations.json, annotations/instances_default.json (CVAT), train/_annotations.coco.json (Roboflow) ...

`file_name` may have folders, or be a path of another machine. Roboflow's first category only groups the others; it is
no class where nothing is drawn with it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from atrous.data.annotations.coco import CocoImage, CocoLabels, crowds_decided, read_coco, with_lists
from atrous.data.complaints import Complaint, attempt
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import named_space, sample_names, split_of_folders
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.tree import Tree, folded, listed, names_before_upload, written_parts
from atrous.data.layouts.words import split_of
from atrous.data.pairs import Pair
from atrous.data.schema import Schema
from atrous.data.splits import Splits

_SHOWN = 3


def coco(tree: Tree) -> Contents | None:
    """Every COCO file of instances, and the pictures that it names; None where there is none."""
    paths = [path for path in tree.with_suffix(".json") if _is_coco(with_lists(tree.json(path)))]
    labelled = [path for path in paths if _has_instances(with_lists(tree.json(path)))]
    if not labelled:
        return None
    faults: list[Complaint] = []
    read = {path: attempt(lambda path=path: read_coco(tree.root / path), "annotations", faults) for path in labelled}
    files, notes = crowds_decided({path: file for path, file in read.items() if file})
    images: dict[Path, tuple[Path, CocoImage]] = {}
    unfound: list[tuple[Path, CocoImage]] = []
    for path, file in files.items():
        for one in file.pictures.values():
            image = _find(tree, path, str(one.file))
            if image is None:
                unfound.append((path, one))
            elif image in images:
                first, known = images[image]
                images[image] = first, replace(known, annotations=(*known.annotations, *one.annotations))
            else:
                images[image] = path, one
    before = _before_upload(tree, unfound, known={*images})
    images |= {image: unfound[place] for place, image in before.items()}
    missing = [str(one.file) for place, (_, one) in enumerate(unfound) if place not in before]
    wrong = [(fault.kind, fault.line) for fault in faults]
    if missing:
        wrong.append(("missing file", _missing_line(tree, labelled, missing)))
    if not images:
        line = f"{tree.root / labelled[0]} lists no picture under images; export it again"
        return Contents("COCO", {}, faults=tuple(wrong or [("annotations", line)]))
    categories = [name for file in files.values() for name in file.categories]
    kept = _classes(tree, labelled, categories)
    notes = [*notes, f"{len(images)} pictures with instances of {len(kept)} categories ({listed(labelled)})"]
    if dropped := [name for name in dict.fromkeys(categories) if name not in kept]:
        notes.append(f"{', '.join(dropped)} only groups other categories and is no class")
    if others := [path for path in paths if path not in labelled]:
        notes.append(f"without outlines, so not read: {listed(others)}")
    notes += [file.left_out for file in files.values() if file.left_out]
    if before:
        notes.append(
            f"{len(before)} pictures are found without the eight digits that Label Studio put before their names"
        )
    splits, used, more = _splits(tree, images)
    return Contents(
        "COCO",
        splits,
        Schema(named_space(kept)),
        used=used | set(paths),
        notes=tuple(notes),
        faults=(*wrong, *more),
    )


def _find(tree: Tree, path: Path, written: str) -> Path | None:
    """The picture that a COCO file names.

    Of several of that name it is the one below the folders that are written before it, or below a folder that has the
    name, or the split, of the file.
    """
    found = tree.find(written, near=path.parent, pictures=True)
    if found is not None:
        return found
    alike = tree.called(written, pictures=True)
    folders, split = {*map(folded, written_parts(written)[:-1])}, _split(path)
    below = [one for one in alike if folders and folders <= {*map(folded, one.parent.parts)}]
    named = [one for one in alike if folded(path.stem) in map(folded, one.parent.parts)]
    of_split = [one for one in alike if split and split_of_folders(one) == split]
    return next((kept[0] for kept in (below, named, of_split) if len(kept) == 1), None)


def _missing_line(tree: Tree, labelled: Sequence[Path], missing: Sequence[str]) -> str:
    line = f"{tree.root}: {len(missing)} pictures of {listed(labelled)} are missing, such as {missing[0]!r:.200}"
    several = next((alike for name in missing if len(alike := tree.called(name, pictures=True)) > 1), [])
    if several:
        return f"{line}; several have such a name ({listed(several)}): write the folder before it in `file_name`"
    return f"{line}; add them or take them out"


def _before_upload(tree: Tree, unfound: Sequence[tuple[Path, CocoImage]], *, known: Set[Path]) -> dict[int, Path]:
    """Pictures by the names that they had before they were uploaded to Label Studio, each for one entry at most."""
    before = names_before_upload(one.file.name for _, one in unfound)
    found = {
        place: image
        for place, (path, one) in enumerate(unfound)
        if one.file.name in before
        and (image := tree.find(before[one.file.name], near=path.parent, pictures=True)) is not None
    }
    counts = Counter(found.values())
    return {place: image for place, image in found.items() if counts[image] == 1 and image not in known}


def _splits(
    tree: Tree, images: Mapping[Path, tuple[Path, CocoImage]]
) -> tuple[Splits, frozenset[Path], tuple[tuple[str, str], ...]]:
    keys = sample_names([*images])
    reader = CocoLabels({keys[image]: one for image, (_, one) in images.items()})
    pairs = {image: Pair(keys[image], tree.root / image, tree.root / path) for image, (path, _) in images.items()}
    splits = {image: _split(path) or split_of_folders(image) for image, (path, _) in images.items()}
    return told_splits(tree, pairs, splits, read=reader, rule=lambda split: _rule(images, splits, split))


def _split(path: Path) -> str:
    return split_of(path.stem) or split_of_folders(path)


def _rule(images: Mapping[Path, tuple[Path, CocoImage]], splits: Mapping[Path, str], split: str) -> str:
    files = dict.fromkeys(path.name for image, (path, _) in images.items() if splits[image] == split)
    return f"pictures of {' and '.join([*files][:_SHOWN])}"


def _classes(tree: Tree, paths: Sequence[Path], categories: Sequence[str]) -> list[str]:
    """The categories without those that only group others and that no annotation has."""
    groups, used = set[str](), set[str]()
    for path in paths:
        content = with_lists(tree.json(path))
        names = {str(item.get("id")): item.get("name") for item in content["categories"] if isinstance(item, dict)}
        groups |= {str(item.get("supercategory")) for item in content["categories"] if isinstance(item, dict)}
        used |= {
            str(names.get(str(item.get("category_id")))) for item in content["annotations"] if isinstance(item, dict)
        }
    return [name for name in dict.fromkeys(categories) if name in used or name not in groups]


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(name), list) for name in ("images", "annotations", "categories")
    )


def _has_instances(content: Any) -> bool:
    """Return True if annotations have outlines, or there are categories but none is drawn yet."""
    annotations = [item for item in content["annotations"] if isinstance(item, dict)]
    outlined = any(item.get("segmentation") and "category_id" in item for item in annotations)
    return outlined or not (annotations or any("keypoints" in str(item)[:200] for item in content["categories"]))
