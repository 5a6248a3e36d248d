"""Pictures that occur twice: in two splits they make a score too good, in one they count double."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from atrous.data.doctor.examine import Examined
from atrous.data.doctor.finding import Finding, note, warning
from atrous.data.doctor.perceptual_hash import PerceptualHash

NEAR_BITS, NEAR_GREYS = 12, 8.0
"""Pictures look alike if at most so many of 128 bits differ, and 8x8 colours by so much of 255 on average."""


@dataclass(frozen=True)
class DuplicatePair:
    """Two pictures that are the same, or look it, the first in the larger split."""

    first: Examined
    second: Examined
    equal: bool


def find_duplicate_pairs(examined: Sequence[Examined], *, tell: Callable[[int, int], None]) -> list[DuplicatePair]:
    """For each picture of a split the one most like it in a larger split, if they look alike.

    Args:
        examined: Pairs of all splits.
        tell: Called with the number of pictures of smaller splits that are done, and their number in all.
    """
    splits: dict[str, list[tuple[Examined, PerceptualHash]]] = defaultdict(list)
    for one in examined:
        if one.look is not None:
            splits[one.split].append((one, one.look))
    found, ordered = [], sorted(splits.values(), key=len, reverse=True)
    work, done = sum(place * len(split) for place, split in enumerate(ordered)), 0
    for place, larger in enumerate(ordered):
        bits = np.stack([look.bits for _, look in larger])
        colors = np.stack([look.colors for _, look in larger]).astype(np.int16)
        equal = {look.digest: one for one, look in larger}
        for one, look in chain.from_iterable(ordered[place + 1 :]):
            done += 1
            tell(done, work)
            if look.digest in equal:
                found.append(DuplicatePair(equal[look.digest], one, equal=True))
                continue
            apart = np.bitwise_count(bits ^ look.bits).sum(axis=1)
            nearest = int(apart.argmin())
            if apart[nearest] <= NEAR_BITS and np.abs(colors[nearest] - look.colors).mean() <= NEAR_GREYS:
                found.append(DuplicatePair(larger[nearest][0], one, equal=False))
    return found


def check_duplicate_pairs(duplicate_pairs: Sequence[DuplicatePair]) -> Iterator[Finding]:
    """Pictures in two splits."""
    for pair in duplicate_pairs:
        kind, words = ("same picture", "is") if pair.equal else ("alike", "looks like")
        remedy = "remove one of them" if pair.equal else "if they show the same scene, put both into one split"
        first, second = (f"{one.pair.image} ({one.split})" for one in (pair.first, pair.second))
        yield warning(f"{kind} in two splits", f"{second} {words} {first}; {remedy}")


def check_repeats(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Pictures that are twice in a split; worse where their masks differ."""
    first: dict[tuple[str, bytes], Examined] = {}
    for one in examined:
        if one.look is None:
            continue
        other = first.setdefault((one.split, one.look.digest), one)
        if other is one:
            continue
        if one.mask and other.mask and one.mask.values != other.mask.values:
            yield warning(
                "same picture, other mask",
                f"{one.pair.image} is {other.pair.image}, but {one.pair.mask} is not {other.pair.mask}; "
                "keep the right one",
            )
        else:
            yield note(
                "same picture in a split",
                f"{one.pair.image} is {other.pair.image}, both in {one.split}; it counts twice, remove one",
            )
