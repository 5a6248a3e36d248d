"""Masks with other words in their names, for some pictures, beside masks that all of them have."""

import pytest

from atrous.cli.main import main
from atrous.data.dataset import open_splits
from atrous.errors import InputError
from data.layouts.test_guarded_rules import mask, picture, said, save

COUNT, OLD = 6, 3


def written(folder, images, masks):
    for number in range(COUNT):
        save(folder / images / f"a{number}.png", picture(number))
        save(folder / masks / f"a{number}_mask.png", mask((1, 2), number))
        if number < OLD:
            save(folder / masks / f"a{number}_mask_old.png", mask((1,), number))


@pytest.mark.parametrize(("images", "masks"), [("images", "masks"), ("imgs", "gt")])
def test_old_masks_of_some_pictures_are_named_in_one_line(tmp_path, capsys, images, masks):
    written(tmp_path, images, masks)
    line = (
        f"{OLD} masks with other words in their names belong to pictures that have one already, such as "
        f"{masks}/a0_mask_old.png for {images}/a0.png; join them"
    )
    with pytest.raises(InputError, match=line) as told:
        open_splits(tmp_path)
    assert "no mask" not in str(told.value)
    printed = said(tmp_path, capsys)
    assert line in printed
    assert "no mask for" not in printed
    assert main(["doctor", str(tmp_path), "--fix"]) == 1
    with pytest.raises(InputError, match=line):
        open_splits(tmp_path)
    (tmp_path / "schema.toml").write_text(
        f'[layout]\nimages = "{images}/{{name}}.png"\nmasks = "{masks}/{{name}}_mask.png"\n'
    )
    pairs = [pair for part in open_splits(tmp_path).values() for pair in part.pairs]
    found = {(str(pair.image.relative_to(tmp_path)), str(pair.mask.relative_to(tmp_path))) for pair in pairs}
    assert found == {(f"{images}/a{number}.png", f"{masks}/a{number}_mask.png") for number in range(COUNT)}
