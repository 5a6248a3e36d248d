"""Checks of what the labels say: classes that are missing or rare, and what is ignored."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from atrous.data.doctor.examine import OTHER, Examined
from atrous.data.doctor.finding import Finding, error, note, warning
from atrous.data.doctor.totals import Totals, is_training, scored_counts, training_counts
from atrous.data.schema import SCHEMA_FILE, Schema, hex_color

RARE = 1000
"""A class with so many times fewer pixels than the most frequent one is reported as rare."""
_MOSTLY = 0.5
_VOIDS = frozenset({"void", "ignore", "ignored", "unlabeled", "unlabelled", "unknown", "undefined", "none"})


def check_classes(
    path: Path, schema: Schema, totals: Mapping[str, Totals], *, held_out: bool = False
) -> Iterator[Finding]:
    """Classes that training does not see, or that no other split asks for; and those that are rare.

    Args:
        path: The data.
        schema: The meaning of its masks.
        totals: By split.
        held_out: True where pictures to validate on were held out, not chosen by the user.
    """
    names, seen, scored = schema.labels.names, training_counts(totals), scored_counts(totals)
    if seen is None:
        return  # no mask was understood, which another check reports
    if not seen.any():
        yield error("nothing labelled", f"{path}: no pixel to train on has a class; correct the masks or {SCHEMA_FILE}")
        return
    if (seen > 0).sum() == 1:
        only = names[int(seen.argmax())]
        yield error("one class", f"{path}: {only!r} is the only class to train on; add pictures of the other classes")
    if scored is not None and (scored > 0).sum() == 1 and (seen > 0).sum() > 1:
        label = int(scored.argmax())
        only = names[label]
        pictures = sum(int(total.shown[label]) for split, total in totals.items() if not is_training(split))
        by_chance = held_out or pictures == 1  # as in the list that --fix writes for a small set
        yield (warning if by_chance else error)(
            "one class scored",
            f"{path}: {only!r} is the only class to validate on, so a score says nothing; "
            + ("list pictures of the others in val.txt" if held_out else "move pictures that show the others into val"),
        )
    for label, name in enumerate(names):
        tested = 0 if scored is None else int(scored[label])
        if not seen[label] and tested:
            yield warning(
                "unseen class",
                f"{path}: class {label} {name!r} has {tested} pixels outside train and none in it; "
                "move pictures that show it into train",
            )
        elif not seen[label]:
            yield warning(
                "unseen class",
                f"{path}: class {label} {name!r} never occurs; add pictures that show it, "
                f"or take it out of classes in {SCHEMA_FILE}",
            )
        elif scored is not None and not tested:
            yield note(
                "unscored class",
                f"{path}: class {label} {name!r} is in train alone ({seen[label]} pixels), so no score tells of it; "
                "move a picture that shows it into val",
            )
    for label in range(len(names)):
        if 0 < seen[label] * RARE < seen.max():
            yield warning(
                "rare class",
                f"{path}: class {label} {names[label]!r} has {seen[label]} pixels to train on, "
                f"{names[int(seen.argmax())]!r} has {seen.max()}; train with --class-balance 0.5, "
                f"or with --class-crops 0.5 --crop-classes {names[label]!r}",
            )


def check_ignore(
    path: Path, schema: Schema, totals: Mapping[str, Totals], examined: Sequence[Examined]
) -> Iterator[Finding]:
    """Background that is ignored, void that is a class, foreground that is taken for void.

    Args:
        path: The data.
        schema: The meaning of its masks.
        totals: By split.
        examined: Every pair.
    """
    labels, ignored = schema.labels, sum(total.ignored for total in totals.values())
    pixels = sum(total.pixels for total in totals.values())
    present = {label for total in totals.values() for label in total.counts.nonzero()[0].tolist()}
    if not pixels:
        return
    share = f"{ignored / pixels:.1%} of the pixels"
    zero_is_void = schema.remap.get(0) == labels.ignore
    if present == {0} and ignored and len(labels) == 2 and not schema.remap:
        name = next((one.pair.mask for one in examined if one.mask and one.mask.ignored), path)
        yield error(
            "foreground ignored",
            f"{name} holds 0 and {labels.ignore}, as all masks do: {labels.ignore} counts as ignore ({share}), so "
            f"{labels.names[1]!r} never occurs; if {labels.ignore} is {labels.names[1]!r}, write "
            f"remap = {{ 0 = 0, {labels.ignore} = 1 }} into {SCHEMA_FILE}",
        )
    elif zero_is_void and ignored > _MOSTLY * pixels:
        yield warning(
            "background ignored",
            f"{path / SCHEMA_FILE} ignores the value 0, {share}; if 0 is background, make it a class: "
            "nothing else teaches the network where nothing is",
        )
    elif ignored > _MOSTLY * pixels:
        yield warning(
            "much ignored", f"{path}: {labels.ignore} is ignored, {share}; if that is a class, list it in [remap]"
        )
    elif (
        not ignored
        and schema.meaning[labels.ignore] == labels.ignore
        and any(one.mask and one.mask.storage != OTHER for one in examined)
    ):
        yield note(
            "ignore unused",
            f"{path}: the ignore value {labels.ignore} never occurs; nothing to do if every pixel has a class, "
            "otherwise mark the doubtful ones with it",
        )
    for label, name in enumerate(labels.names):
        if name.lower().strip("_ ") in _VOIDS:
            yield warning(
                "void is a class",
                f"{path}: class {label} {name!r} is learnt and scored like any other; to leave it out, remove it from "
                f"classes and give its value {labels.ignore} in [remap] of {SCHEMA_FILE}",
            )
    for one in examined:
        if one.mask and one.mask.counts is not None and not one.mask.counts.any():
            yield warning(
                "empty mask",
                f"{one.pair.mask} has {one.mask.ignored} pixels and no class in any; label it, "
                f"or take {one.pair.name} out of {one.split}",
            )


def check_names(path: Path, schema: Schema) -> Iterator[Finding]:
    """Classes whose names differ in letter case or outer blanks alone: often one class that was typed in two ways."""
    first: dict[str, str] = {}
    for name in schema.labels.names:
        key = name.strip().casefold()
        if key in first:
            yield warning(
                "similar names",
                f"{path}: the classes {first[key]!r} and {name!r} differ in letter case alone; if they are one class, "
                f"give both one name in your tool, or the values of both one id in [remap] of {SCHEMA_FILE}",
            )
        first.setdefault(key, name)


def check_colors(path: Path, schema: Schema) -> Iterator[Finding]:
    """Classes that look the same in every picture; `path` is the schema's."""
    first: dict[tuple[int, int, int], str] = {}
    for name, color in zip(schema.labels.names, schema.labels.palette, strict=True):
        if color in first:
            yield warning(
                "same colour",
                f"{path}: {first[color]!r} and {name!r} have the colour {hex_color(color)}; "
                "give every class a colour of its own in colors",
            )
        first.setdefault(color, name)
