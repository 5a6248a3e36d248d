"""LabelMe's JSON files beside the pictures, or in a folder of their own: one for each picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atrous.data.annotations.labelme import kind_without_inside
from atrous.data.annotations.masks import MaskFiles
from atrous.data.formats.json_files import read_value
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import sample_names, split_of_folders
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.tree import Tree, listed
from atrous.data.pairs import Pair
from atrous.errors import InputError


def labelme(tree: Tree) -> Contents | None:
    """Pictures with LabelMe's files; None where there is none. Pictures without a file are left out."""
    files: dict[Path, Path] = {}
    skipped: dict[str, list[Path]] = {}
    faults: list[tuple[str, str]] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not is_labelme(content):
            continue
        image = _image(tree, path, content)
        if image is None:
            line = f"no image for {tree.root / path} ({content.get('imagePath')!r:.120}); add it or move the file away"
            faults.append(("no image", line))
            continue
        files.setdefault(image, path)
        for kind in (kind_without_inside(shape) for shape in content["shapes"] if isinstance(shape, dict)):
            if kind is not None:
                skipped.setdefault(kind, []).append(path)
    if not files:
        return None
    faults += [("damaged file", line) for line in _damaged(tree)]
    keys = sample_names([*files])
    pairs = {image: Pair(keys[image], tree.root / image, tree.root / path) for image, path in files.items()}
    splits = {image: split_of_folders(image) for image in files}
    parts, used, wrong = told_splits(tree, pairs, splits, read=MaskFiles(), rule=_rule)
    notes = [f"{len(files)} pictures have LabelMe files"]
    notes += [
        f"left out: {len(paths)} x {kind}, which outline no object ({listed([*dict.fromkeys(paths)])})"
        for kind, paths in skipped.items()
    ]
    return Contents("LabelMe", parts, used=used, notes=tuple(notes), faults=(*faults, *wrong))


def _damaged(tree: Tree) -> Iterator[str]:
    """A line for every file of a picture's name that is no JSON; the picture would be left out as unlabelled."""
    for path in tree.with_suffix(".json"):
        own = tree.find(path.stem, near=path, pictures=True)
        if tree.json(path) is None and own is not None and own.stem == path.stem:
            try:
                read_value(tree.root / path)
            except InputError as error:
                yield str(error)


def _rule(split: str) -> str:
    return f"folders of {split}" if split else "all pictures with a LabelMe file"


def _image(tree: Tree, path: Path, content: dict[str, Any]) -> Path | None:
    """The picture of a file: of its own name, or the one that it names."""
    own = tree.find(path.stem, near=path, pictures=True)
    written = content.get("imagePath")
    named = tree.find(written, near=path, pictures=True) if isinstance(written, str) and written else None
    return own if own is not None and own.stem == path.stem else named


def is_labelme(content: Any) -> bool:
    """Return True if the content of a JSON file has LabelMe's form."""
    return (
        isinstance(content, dict)
        and isinstance(content.get("shapes"), list)
        and ("imagePath" in content or "imageHeight" in content)
    )
