"""Folders of other bands beside pictures in visible light: left out unless they have masks of their own."""

import pytest

from atrous.cli.main import main
from atrous.data.dataset import open_splits
from data.layouts.test_guarded_rules import mask, picture, said, save

COUNT = 6


def written(folder, images, masks):
    for seed, place in enumerate(images):
        for number in range(COUNT):
            save(folder / place / f"{number}.png", picture(10 * seed + number))
    for place in masks:
        for number in range(COUNT):
            save(folder / place / f"{number}.png", mask((1, 2), number))
    return folder


def pairs_of(folder):
    found = [pair for part in open_splits(folder).values() for pair in part.pairs]
    return sorted((str(pair.image.relative_to(folder)), str(pair.mask.relative_to(folder))) for pair in found)


def expected(*places):
    return sorted(
        (f"{image}/{number}.png", f"{mask}/{number}.png") for image, mask in places for number in range(COUNT)
    )


@pytest.mark.parametrize("masks", ["masks", "masks/rgb"])
def test_directions_of_surfaces_are_no_good_products(tmp_path, capsys, masks):
    written(tmp_path, ("images/rgb", "images/normal"), (masks,))
    assert pairs_of(tmp_path) == expected(("images/rgb", masks))
    printed = said(tmp_path, capsys)
    assert "6 pictures of folders without masks are not used (images/normal/0.png" in printed
    assert main(["doctor", str(tmp_path), "--fix"]) == 0
    assert "background" not in (tmp_path / "schema.toml").read_text()
    assert pairs_of(tmp_path) == expected(("images/rgb", masks))


def test_a_folder_above_all_bands_makes_none_of_them_good(tmp_path):
    written(tmp_path, ("normal/color", "normal/nir"), ("gt/color",))
    assert pairs_of(tmp_path) == expected(("normal/color", "gt/color"))


def test_a_band_has_its_masks_in_whatever_letter_case(tmp_path):
    written(tmp_path, ("imgs/rgb", "imgs/NIR"), ("gt/rgb", "gt/nir"))
    assert pairs_of(tmp_path) == expected(("imgs/rgb", "gt/rgb"), ("imgs/NIR", "gt/nir"))
