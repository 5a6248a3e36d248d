"""Folders called like drawings that part pictures and masks alike: which of them are groups, and in what time."""

from pathlib import PurePath

from atrous.data.dataset import open_splits
from atrous.data.layouts.words import Word, folder_words
from data.layouts.test_guarded_rules import mask, picture, said, save
from fakes.executed_lines import count_lines


def places(count, *, own):
    """Files of a folder for each number, with a name of its own below it or the same in all."""
    return [
        PurePath(f"{part}/p{number}/{name}{number if own and name == 'bent' else ''}/a.png")
        for number in range(count)
        for part in ("imgs", "masks")
        for name in ("color", "bent")
    ]


def test_the_search_for_groups_grows_as_the_folders_do():
    for own in (False, True):
        paths = places(300, own=own)
        assert folder_words(paths, {})[PurePath("masks/p7/color")] == Word()
        assert folder_words(paths, {})[PurePath("imgs/p7/color")] == Word()
        few, many = (count_lines(lambda: folder_words(places(count, own=own), {})) for count in (75, 300))  # noqa: B023
        assert many < 6 * few


def test_a_drawing_below_the_masks_themselves_is_no_group(tmp_path, capsys):
    for number in range(6):
        for place in ("frames/color", "frames/ir"):
            save(tmp_path / place / f"{number}.png", picture(number))
        save(tmp_path / f"labels/{number}.png", mask((1, 2), number))
        save(tmp_path / f"labels/color/{number}.png", mask((1, 2), number))
    pairs = [pair for part in open_splits(tmp_path).values() for pair in part.pairs]
    assert {pair.mask for pair in pairs} == {tmp_path / f"labels/{number}.png" for number in range(6)}
    assert "masks of another kind are left out: labels/color/0.png" in said(tmp_path, capsys)
