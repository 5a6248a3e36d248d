"""Several pictures for every mask, of which names tell none as the picture: bands in a file each, before and after.

red/red_1.tif green/green_1.tif nir/nir_1.tif        gt/gt_1.tif
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from atrous.data.formats.images import read_image
from atrous.data.layouts.choice import Choice
from atrous.data.layouts.pairing import Pairing, pairings
from atrous.data.layouts.roles import Entry
from atrous.data.layouts.tree import Tree, listed
from atrous.data.schema import SCHEMA_FILE
from atrous.errors import InputError

_SAME = 0.25
"""Mean difference, in standard deviations of a picture, up to which two are one that was saved twice."""


def rival_pictures(tree: Tree, choice: Choice) -> list[tuple[str, str]]:
    """A line where pictures that are left out pair with the same masks by as good a rule; none where they do not."""
    affixes = choice.pairing.affixes
    if affixes is None or not any(affixes.image) or not choice.unlabelled or not choice.pairing.pairs:
        return []
    by_folder: dict[Path, list[Entry]] = defaultdict(list)
    for entry in choice.unlabelled:
        by_folder[entry.path.parent].append(entry)
    image, mask = choice.paired()[0]
    masks = len({*choice.pairing.pairs.values()})  # fewer pictures than these pair with all of them by no rule
    enough = [some for some in by_folder.values() if len(some) >= masks]
    rivals = [found for some in enough if (found := _rival(choice, some, mask))]
    rivals = [path for path in rivals if _differ(tree.root / image.path, tree.root / path)]
    if not rivals:
        return []
    shown = listed([image.path, *rivals], shown=len(rivals) + 1)
    line = (
        f"{tree.root} has {len(rivals) + 1} pictures for every mask, such as {shown} for {mask.path}; join them into "
        f"one picture, move those that you do not want away, or name the others under [layout] in {SCHEMA_FILE}"
    )
    return [("two kinds of pictures", line)]


def _rival(choice: Choice, some: list[Entry], mask: Entry) -> Path | None:
    """The picture of a mask in a folder whose pictures pair with all masks by what their names have around them."""
    images = {entry.key: entry for entry in some}
    for pairing in pairings([*images], [*choice.masks]):
        if _is_as_good(pairing, choice.pairing):
            return next(images[ours].path for ours, key in pairing.pairs.items() if choice.masks[key] is mask)
    return None


def _is_as_good(pairing: Pairing, chosen: Pairing) -> bool:
    affixes = pairing.affixes
    return affixes is not None and any(affixes.image) and {*chosen.pairs.values()} <= {*pairing.pairs.values()}


def _differ(one: Path, other: Path) -> bool:
    """Return True for pictures of one size that show different things."""
    try:
        first, second = (read_image(path).astype(float) for path in (one, other))
    except InputError:
        return False
    return first.shape == second.shape and float(np.abs(first - second).mean()) > _SAME * float(first.std())
