"""`--fix` on folders of any names: a table `[layout]` that gives the same pairs and splits, and cleaned masks."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.annotations.smoothed_colors import are_smoothed
from atrous.data.dataset import open_splits
from atrous.data.doctor import diagnose
from atrous.data.doctor.fix import write_schema_fix, write_split_fix, write_weights_fix
from atrous.data.layouts.patterns import read_layout
from atrous.data.schema import read_schema
from atrous.errors import InputError
from fakes.layouts import COLORS, NAMES, color_mask, in_folders, picture, truth
from fakes.messy_folders import MESSY, black_and_white
from fakes.published import save
from fakes.rival_folders import RIVALS
from fakes.telling_names import AMBIGUOUS, TELLING

PATTERNS = {
    "vessels": (
        "{folder}/images/{name}_*.tif", "{folder}/1st_manual/{name}_manual1.gif", "{folder}/mask/{name}_*_mask.gif",
    ),
    "two eyes": ("{name}.jpg", "{name}_1stHO.png", None),
    "plants": ("images/{name}_image.png", "annotations/{name}_annotation.png", None),
    "one folder": ("{name}_bar.png", "{name}_qux.png", None),
    "nested": ("My Data/v 2/Images/{folder}/{name}.JPG", "My Data/v 2/Masks/{folder}/{name}.png", None),
}  # fmt: skip
LARGE = (120, 160)


def fixed(folder):
    """What `--fix` writes."""
    diagnosis = diagnose(folder)
    return [*write_schema_fix(diagnosis), *write_split_fix(diagnosis), *write_weights_fix(diagnosis)]


def contents(folder):
    """Split -> picture and labels of every sample, in any order."""
    return {
        split: sorted(
            (np.asarray(data[index].image).tobytes(), np.asarray(data[index].labels).tobytes())
            for index in range(len(data))
        )
        for split, data in open_splits(folder).items()
    }


@pytest.mark.parametrize("name", [*MESSY, *RIVALS, *TELLING])
def test_the_table_gives_the_same_data(tmp_path, name):
    write, holds, _ = (MESSY | RIVALS | TELLING)[name]
    write(tmp_path)
    before = contents(tmp_path) if holds not in ("foreground", "field") else None
    fixed(tmp_path)
    after = contents(tmp_path)
    assert diagnose(tmp_path).errors == ()
    assert before in (None, after)
    assert sum(map(len, after.values())) == len(NAMES)
    if name in PATTERNS:
        table = read_layout(tmp_path)
        assert (table["images"], table["masks"], table.get("ignore")) == PATTERNS[name]


def errors(folder):
    """The faults of pictures and masks that are left over."""
    return [one.line for one in diagnose(folder).errors if one.kind in ("no mask", "no image", "layout")]


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_pictures_left_over_stay_errors(tmp_path, name):
    AMBIGUOUS[name](tmp_path)
    before = errors(tmp_path)
    assert before
    fixed(tmp_path)
    assert errors(tmp_path) == before
    assert read_layout(tmp_path) == {} if (tmp_path / "schema.toml").exists() else True
    with pytest.raises(InputError):
        open_splits(tmp_path)


def test_no_cleaned_masks_while_a_picture_has_none(tmp_path):
    for name in NAMES:
        save(large(picture(name)), tmp_path / f"shots/{name}.png")
        if name != NAMES[0]:
            save(large(black_and_white(name)), tmp_path / f"gt/{name}_gt.jpg")
    before = errors(tmp_path)
    assert len(before) == 1
    fixed(tmp_path)
    assert errors(tmp_path) == before
    assert not (tmp_path / "masks_fixed").exists()


def large(mask):
    """A mask ten times as large."""
    return mask.resize(LARGE[::-1], Image.Resampling.NEAREST)


def smoothed(mask):
    """Edges a few pixels wide."""
    return large(mask).resize((LARGE[1] // 2 + 3, LARGE[0] // 2 + 3), Image.Resampling.BILINEAR).resize(
        LARGE[::-1], Image.Resampling.BILINEAR
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "spoil", "suffix", "options"),
    [
        (black_and_white, large, "jpg", {"quality": 75}),
        (color_mask, large, "jpg", {"quality": 95, "subsampling": 0}),
        (black_and_white, smoothed, "png", {}),
        (color_mask, smoothed, "png", {}),
    ],
    ids=["JPEG", "JPEG in colours", "smoothed", "smoothed colours"],
)
def test_spoilt_masks_are_cleaned(tmp_path, make, spoil, suffix, options):
    for name in NAMES:
        save(large(picture(name)), tmp_path / f"shots/{name}.png")
        (tmp_path / "gt").mkdir(exist_ok=True)
        spoil(make(name)).save(tmp_path / f"gt/{name}_gt.{suffix}", **options)
    with pytest.raises(InputError):
        open_splits(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any("writes masks of" in finding.line for finding in diagnose(tmp_path).findings)
    written = fixed(tmp_path)
    assert tmp_path / "masks_fixed" in written
    assert {path: path.read_bytes() for path in before} == before
    splits = open_splits(tmp_path)
    labels = splits["train"].labels
    order = [0, 1, 1]
    if make is color_mask:
        distances = np.abs(np.array(labels.palette)[None] - np.array(COLORS)[:, None]).max(axis=2)
        assert len(labels) == 3
        assert distances.min(axis=1).max() <= 12
        order = distances.argmin(axis=1).tolist()
    else:
        assert labels.names == ("background", "foreground")
        assert read_schema(tmp_path / "schema.toml").threshold == 128
    for data in splits.values():
        for index, name in enumerate(data.names):
            expected = np.asarray(large(Image.fromarray(np.array(order, np.uint8)[truth(name)])))
            agreeing = data[index].labels == expected
            assert agreeing.mean() >= (0.98 if spoil is smoothed or make is color_mask else 1.0)


def test_pure_colours_are_not_taken_for_edges():
    palette = [(r, g, b) for r in (0, 64, 128, 192) for g in (0, 128) for b in (0, 128)]
    pixels = {r * 65536 + g * 256 + b: 10 ** (6 - place % 5) for place, (r, g, b) in enumerate(palette)}
    assert not are_smoothed(pixels)
    assert not are_smoothed({0: 1000, 0xFFFFFF: 1000, 0x808080: 5})
    edges = {value * 0x10101: 3 for value in range(20, 240, 20)}
    assert are_smoothed({0: 1000, 0xFFFFFF: 1000, **edges})


def test_which_of_two_kinds_of_masks_is_meant_is_not_written(tmp_path):
    for place in ("labels", "targets"):
        in_folders("images/{name}.jpg", f"{place}/{{name}}.png")(tmp_path)
    fixed(tmp_path)
    assert read_layout(tmp_path) == {}
