"""Looking at a folder: which layout it has, and what is in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.complaints import ASSUMED, collecting, complain, remark
from atrous.data.folder import folder_splits, is_plain_folder
from atrous.data.layouts.background import PROBABLY_BACKGROUND
from atrous.data.layouts.class_folders import with_class_masks
from atrous.data.layouts.class_masks import class_masks
from atrous.data.layouts.class_names import find_classes
from atrous.data.layouts.contents import Contents, with_leftovers
from atrous.data.layouts.label_files.cityscapes_polygons import cityscapes_polygons
from atrous.data.layouts.label_files.coco import coco
from atrous.data.layouts.label_files.cvat_xml import cvat_xml
from atrous.data.layouts.label_files.darwin import darwin
from atrous.data.layouts.label_files.datumaro import datumaro
from atrous.data.layouts.label_files.encord import encord
from atrous.data.layouts.label_files.fiftyone import fiftyone
from atrous.data.layouts.label_files.geojson import geojson
from atrous.data.layouts.label_files.hasty import hasty
from atrous.data.layouts.label_files.image_scope import image_scope
from atrous.data.layouts.label_files.label_studio import brush_pictures, label_studio
from atrous.data.layouts.label_files.labelbox import labelbox
from atrous.data.layouts.label_files.labelme import labelme
from atrous.data.layouts.label_files.labelme_folders import labelme_folders
from atrous.data.layouts.label_files.panoptic import panoptic
from atrous.data.layouts.label_files.parquet import parquet
from atrous.data.layouts.label_files.run_lengths import run_lengths
from atrous.data.layouts.label_files.stacks import stacks
from atrous.data.layouts.label_files.supervisely import supervisely
from atrous.data.layouts.label_files.tables import tables
from atrous.data.layouts.label_files.via import via
from atrous.data.layouts.label_files.xml_polygons import xml_polygons
from atrous.data.layouts.label_files.yolo import yolo
from atrous.data.layouts.lists import pair_lists, told_splits
from atrous.data.layouts.mask_pictures import mask_pictures, masks_by_content, masks_by_part_of_folder
from atrous.data.layouts.parallel_lists import ParallelLists, listed_pairs, notes_on_lists, parallel_lists
from atrous.data.layouts.patterns import SPLIT_KEYS, by_patterns, lists_of, read_layout, split_by_patterns
from atrous.data.layouts.rivals import FURTHER_MASKS
from atrous.data.layouts.split_names import notes_on_names
from atrous.data.layouts.tree import Tree, look
from atrous.data.layouts.trimaps import with_trimaps
from atrous.data.layouts.unknown import unknown_line
from atrous.data.layouts.words import meaning
from atrous.data.published.ade20k import full_ade20k_line
from atrous.data.splits import HELD_OUT, Splits, disjoint, with_validation
from atrous.errors import InputError

Layout = Callable[[Tree], Contents | None]

_OTHERWISE = frozenset(
    {
        "no mask",
        "no image",
        "not a picture",
        "list",
        "no pictures",
        "empty split",
        "too few pictures",
        "unlabelled test",
    }
)
"""Faults of the plain layout that may mean that the folder has another one."""
_UNPAIRED = _OTHERWISE - {"list", "too few pictures", "unlabelled test"}
"""Faults of files that do not pair by name, and may by content."""
ANNOTATIONS: Sequence[Layout] = (
    coco, fiftyone, labelme, cityscapes_polygons, supervisely, via, cvat_xml, xml_polygons, image_scope, datumaro,
    labelbox, darwin, hasty, encord, geojson, yolo, run_lengths,
)  # fmt: skip
"""Layouts of annotation files, those that are recognised most surely first."""


def contents_of(folder: Path, *, pair_by_order: bool = False, background: str | None = None) -> Contents:
    """Every split of a user's folder, whatever its layout.

    Faults are complained of (`data/complaints.py`), choices and files that are left out remarked.

    Args:
        folder: The data.
        pair_by_order: Pair pictures and masks whose names have nothing in common by their order.
        background: Pattern of the pictures that are background where they have no mask, if `schema.toml` has none.

    Raises:
        InputError: If the folder has no layout that is known; the line says what was seen and what is nearest.
    """
    table = read_layout(folder)
    tree = replace(look(folder), background=table.get("background", background))
    if "images" not in table and (line := full_ade20k_line(folder, tree.files)):
        raise InputError(line)
    lists = parallel_lists(tree)
    found = _chosen(tree, table, lists=lists, pair_by_order=pair_by_order)
    if found is None:
        raise InputError(unknown_line(tree))
    for kind, line in found.faults:
        complain(line, kind=kind)
    notes = (*found.notes, *notes_on_names(found.splits), *notes_on_lists(tree, lists, found.used))
    found = with_leftovers(replace(found, notes=notes), tree)
    for note in found.notes:
        remark(f"{folder}: {note}", kind="layout")
    for line in found.warnings:
        remark(f"{folder}: {line}", kind=ASSUMED)
    return found


def _chosen(
    tree: Tree, table: Mapping[str, str], *, lists: Sequence[ParallelLists], pair_by_order: bool
) -> Contents | None:
    """The first layout without faults, or else the best with some."""
    if "images" in table:
        return _completed(tree, by_patterns(tree, table), {})
    brushed = label_studio(tree) or brush_pictures(tree, by_order=pair_by_order or "pair" in table)
    if brushed is not None:
        return _completed(tree, brushed, table)
    if (listed := listed_pairs(tree, lists)) is not None:
        return _completed(tree, listed, table)
    plain = None if {*SPLIT_KEYS} & table.keys() else _plain(tree)
    if plain is not None and not plain.faults:
        return with_class_masks(tree, plain)
    if plain is not None and not {kind for kind, _ in plain.faults} <= _OTHERWISE:
        return plain
    # A picture of the plain layout that has no mask may be background by declaration, which other layouts know.
    faulty = [plain] if plain is not None and tree.background is None else []
    layouts = [tables, panoptic, labelme_folders, pair_lists, class_masks, mask_pictures, *ANNOTATIONS, stacks, parquet]
    for layout in layouts:
        try:
            found = layout(tree)
        except InputError:  # what a layout before it lacks is what the user wants to hear
            if faulty:
                continue
            raise
        if found is None:
            continue
        found = _completed(tree, found, table)
        if not found.faults:
            return with_class_masks(tree, with_trimaps(found)) if layout is mask_pictures else found
        if {kind for kind, _ in found.faults} == {PROBABLY_BACKGROUND}:  # every other picture has its mask
            return found
        faulty.append(found)
    kinds = [{kind for kind, _ in found.faults} for found in faulty]
    # Where names pair every picture, a mask too many is a fault of the folder, whatever it holds.
    if all(_UNPAIRED & some for some in kinds) and {"no image"} not in kinds:
        by_content = masks_by_content(tree) or (None if faulty else masks_by_part_of_folder(tree))
        if by_content is not None:
            completed = _completed(tree, by_content, table)
            if not completed.faults:
                return with_class_masks(tree, completed)
            faulty.append(completed)
    # The plain layout knows masks by the names of pictures only; what says which words they have says more.
    further = [found for found in faulty if FURTHER_MASKS in {kind for kind, _ in found.faults}]
    if further and faulty[0] is plain:
        return further[0]
    return faulty[0] if faulty else plain


def _plain(tree: Tree) -> Contents | None:
    """`images/` and `masks/`, once or for each of `train`, `val`, `test`; None where names tell other splits."""
    if not is_plain_folder(tree.root) or _has_other_splits(tree):
        return None
    with collecting() as complaints:
        splits, used = _divided(tree, folder_splits(tree.root))
    faults = tuple((complaint.kind, complaint.line) for complaint in complaints if not complaint.remark)
    notes = tuple(dict.fromkeys(complaint.line for complaint in complaints if complaint.remark))
    lists = frozenset(path for path in tree.with_suffix(".txt") if len(path.parts) == 1 and path.stem in splits)
    return _with_classes(tree, Contents("images/ and masks/", splits, used=lists | used, notes=notes, faults=faults))


def _divided(tree: Tree, splits: Splits) -> tuple[Splits, frozenset[Path]]:
    """Where the plain layout holds a tenth out, the splits by names, or by lists and tables that it does not read."""
    if splits.keys() != {"train", "val"} or HELD_OUT not in splits["val"].rule:
        return splits, frozenset()
    pairs = {pair.image.relative_to(tree.root): pair for part in splits.values() for pair in part.pairs}
    words = dict.fromkeys(pairs, "")
    parts, used, faults = told_splits(tree, pairs, words, read=splits["train"].read, rule=lambda _: "all pairs")
    for kind, line in faults:
        complain(line, kind=kind)
    return (with_validation(tree.root, disjoint(parts)), used) if any(parts) else (splits, used)


def _has_other_splits(tree: Tree) -> bool:
    """Return True if a folder tells a split in another place or another word than the plain layout has."""
    folders = {parent for path in tree.files for parent in path.parents if parent != Path()}
    return any(
        meaning(folder.name).split and not (len(folder.parts) == 1 and folder.name in ("train", "val", "test"))
        for folder in folders
    )


def _completed(tree: Tree, found: Contents, table: Mapping[str, str]) -> Contents:
    """The contents with disjoint splits, one of them to validate on; by the patterns of a table that has some."""
    if {*SPLIT_KEYS} & table.keys() and found.splits:
        read = next(iter(found.splits.values())).read
        splits = split_by_patterns(tree, table, found.pairs, read=read)
        found = replace(found, splits=splits, used=found.used | lists_of(table))
    splits = dict(found.splits)
    if not splits:
        return found
    if "" in splits:
        rest = splits.pop("")
        known = splits.get("train")
        splits["train"] = rest if known is None else replace(known, pairs=(*known.pairs, *rest.pairs))
    if "train" not in splits and splits:
        first = next(iter(splits))
        return replace(
            found,
            faults=(
                *found.faults,
                (
                    "empty split",
                    f"{tree.root} has {first} but nothing to train on; name the folder {first} otherwise, or "
                    "the pictures of train and val under [layout] in schema.toml",
                ),
            ),
        )
    with collecting() as complaints:
        splits = with_validation(tree.root, disjoint(splits))
    faults = (*found.faults, *((complaint.kind, complaint.line) for complaint in complaints))
    return _with_classes(tree, replace(found, splits=splits, faults=faults))


def _with_classes(tree: Tree, found: Contents) -> Contents:
    if found.schema is not None or found.classes is not None:
        return found
    classes = find_classes(tree)
    return replace(found, classes=classes, used=found.used | {classes.path}) if classes else found
