"""A search for the table `[layout]` that gives the same pairs and splits as a folder has by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from string import ascii_letters

from atrous.data.layouts.pairing import Affixes, affixes_between
from atrous.data.layouts.patterns import by_patterns, matches
from atrous.data.layouts.tree import Tree, shared
from atrous.data.pairs import Pair

_NAMES = Affixes()
_MOST_TRIED, _SAMPLED = 400, 5
Place = tuple[Path, Path | None, Path | None]
"""A picture, its mask and its second mask, below the root."""


def patterns_of(tree: Tree, splits: Mapping[str, Sequence[Pair]]) -> dict[str, str] | None:
    """The table `[layout]` of some pairs; None where patterns cannot say it.

    Args:
        tree: The files.
        splits: Pairs by split.

    Returns:
        Patterns of pictures and masks, and of the splits where folders tell them.
    """
    places = [_place(tree, pair) for pairs in splits.values() for pair in pairs]
    table = next((found for found in islice(_tables(places), _MOST_TRIED) if _gives(tree, found, places)), None)
    if table is None:
        return None
    found = split_patterns(tree, splits)
    return {**table, **found} if all(split in found for split, pairs in splits.items() if pairs) else table


def split_patterns(tree: Tree, splits: Mapping[str, Sequence[Pair]]) -> dict[str, str]:
    """The patterns of those splits whose pictures have a folder of their own."""
    found: dict[str, str] = {}
    for split, pairs in splits.items():
        images = [pair.image.relative_to(tree.root) for pair in pairs]
        others = [pair.image.relative_to(tree.root) for one in splits if one != split for pair in splits[one]]
        if images and (pattern := _split_pattern(images, others)):
            found[split] = pattern
    return found


def image_patterns(tree: Tree, images: Sequence[Path]) -> dict[str, str] | None:
    """`images` and, where other pictures fit it, `skip`, for masks that are written anew; None where there is no such.

    Args:
        tree: The files.
        images: The pictures, below the root.
    """
    wanted = set(images)
    for pattern in _patterns(images, ("", "")):
        matched = matches(tree.files, pattern)
        extra = [path for path in matched.values() if path not in wanted]
        if wanted - {*matched.values()}:
            continue
        skip = _skip_pattern(extra, images) if extra else ""
        if skip is not None:
            return {"images": pattern, **({"skip": skip} if skip else {})}
    return None


def _place(tree: Tree, pair: Pair) -> Place:
    mask = pair.mask.relative_to(tree.root) if pair.mask.is_relative_to(tree.root) else None
    return pair.image.relative_to(tree.root), mask, pair.ignore.relative_to(tree.root) if pair.ignore else None


def _tables(places: Sequence[Place]) -> Iterator[dict[str, str]]:
    """Tables that may give the pairs, the plainest first."""
    images, masks = [place[0] for place in places], [mask for _, mask, _ in places if mask]
    fields = [(image, field) for image, _, field in places if field]
    if len(masks) < len(images):
        return
    for affixes in _affixes(images[0], masks[0], images, masks):
        for image, mask in product(_patterns(images, affixes.image), _patterns(masks, affixes.mask)):
            if not fields:
                yield {"images": image, "masks": mask}
                continue
            for field in _field_patterns(fields, affixes.image):
                yield {"images": image, "masks": mask, "ignore": field}


def _affixes(image: Path, mask: Path, images: Sequence[Path], masks: Sequence[Path]) -> list[Affixes]:
    """Text before and after the names in a pattern: the same for all pairs, or `*` where it follows a number."""
    found = [_NAMES] if image.stem == mask.stem else []
    # Plain names first, then those without punctuation at their ends.
    found += sorted(
        affixes_between(image.stem, mask.stem),
        key=lambda affixes: (not _is_name(image.stem, affixes.image), affixes.length),
    )
    kept = [affixes for affixes in found if _fit(images, affixes.image) and _fit(masks, affixes.mask)]
    ends = [_end_after_number([path.stem for path in some]) for some in (images, masks)]
    if ends[0] and ends[1]:
        kept.append(Affixes(("", ends[0]), ("", ends[1])))
    return kept


def _is_name(stem: str, around: tuple[str, str]) -> bool:
    """Return True if what is left of a file's name begins and ends with a letter or digit."""
    name = stem[len(around[0]) : len(stem) - len(around[1])]
    return name[:1].isalnum() and name[-1:].isalnum()


def _fit(paths: Sequence[Path], affixes: tuple[str, str]) -> bool:
    return all(path.stem.startswith(affixes[0]) and path.stem.endswith(affixes[1]) for path in paths)


def _end_after_number(stems: Sequence[str]) -> str:
    """The text after the number that all names begin with, with `*` where it differs; empty where none begins so."""
    ends = [stem.lstrip("0123456789") for stem in stems]
    if any(len(end) == len(stem) for end, stem in zip(ends, stems, strict=True)):
        return ""
    if len(set(ends)) == 1:
        return ends[0]
    lead = ends[0][: min(shared(ends[0], end) for end in ends)].rstrip(ascii_letters)
    rests = [end[len(lead) :][::-1] for end in ends]
    tail = rests[0][: min(shared(rests[0], rest) for rest in rests)][::-1].lstrip(ascii_letters)
    return f"{lead}*{tail}" if lead else ""


def _field_patterns(fields: Sequence[tuple[Path, Path]], around: tuple[str, str]) -> list[str]:
    """Patterns of second masks whose names begin as those of the pictures do."""
    image, field = fields[0]
    found = []
    ours = [affixes for affixes in affixes_between(image.stem, field.stem) if not any(affixes.image)]
    for affixes in [_NAMES] * (image.stem == field.stem) + ours:
        before, after = around[0] + affixes.mask[0], around[1] + affixes.mask[1]
        found += _patterns([path for _, path in fields], (before, after), check=False)
    if end := _end_after_number([path.stem for _, path in fields]):
        found += _patterns([path for _, path in fields], ("", end), check=False)
    return found


def _patterns(paths: Sequence[Path], around: tuple[str, str], *, check: bool = True) -> list[str]:
    """Patterns of files whose names have some text around `{name}`."""
    if check and "*" not in around[1] and not _fit(paths, around):
        return []
    suffixes = {path.suffix for path in paths}
    suffix = suffixes.pop() if len(suffixes) == 1 else ".*"
    name = f"{around[0]}{{name}}{around[1]}{suffix}"
    return [f"{folder}/{name}" if folder else name for folder in _folders(paths)]


def _folders(paths: Sequence[Path]) -> list[str]:
    """The folder of all paths, or what their folders have in common around `{folder}`."""
    parts = [path.parent.parts for path in paths]
    if len(set(parts)) == 1:
        return ["/".join(parts[0])]
    lead = min(shared(parts[0], one) for one in parts)
    shortest = min(map(len, parts)) - lead
    tail = min(min(shared(parts[0][lead:][::-1], one[lead:][::-1]) for one in parts), shortest)
    return ["/".join([*parts[0][:lead], "{folder}", *(parts[0][len(parts[0]) - tail :] if tail else ())])]


def _gives(tree: Tree, table: dict[str, str], places: Sequence[Place]) -> bool:
    few = places[:_SAMPLED]
    files = tuple(path for place in few for path in place if path is not None)
    return all(
        {_place(tree, pair) for pair in by_patterns(replace(tree, files=some), table).pairs} == {*wanted}
        for some, wanted in ((files, few), (tree.files, places))
    )


def _split_pattern(images: Sequence[Path], others: Sequence[Path]) -> str | None:
    """The folder of the pictures of a split, where it holds no other."""
    parts = [image.parent.parts for image in images]
    lead = parts[0][: min(shared(parts[0], one) for one in parts)]
    if lead and not any(other.parts[: len(lead)] == lead for other in others):
        return "/".join([*lead, "*"])
    return None


def _skip_pattern(extra: Sequence[Path], images: Sequence[Path]) -> str | None:
    """The pattern of all files that are no pictures; None where it would hit pictures, too."""
    names = [path.name for path in extra]
    tail = min(shared(names[0][::-1], name[::-1]) for name in names)
    end = names[0][len(names[0]) - tail :]
    return f"*{end}" if tail and not any(image.name.endswith(end) for image in images) else None
