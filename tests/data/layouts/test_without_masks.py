"""Pictures without a mask beside others that have one: background by declaration, never by guess."""

import numpy as np
import pytest

from atrous.cli.main import main
from atrous.data.complaints import collecting
from atrous.data.dataset import open_data, open_splits
from atrous.data.layouts.scanner import contents_of
from atrous.errors import InputError
from fakes.defect_folders import BAD, STATED, UNSTATED, black_and_white, defects, images_of_all, labels_of_bad_ones
from fakes.layouts import NAMES, picture, truth


def found(data):
    """The name of every picture that a data set gives, with its labels."""
    known = {np.asarray(picture(name)).tobytes(): name for name in NAMES}
    return {known[data[index].image.tobytes()]: data[index].labels for index in range(len(data))}


def check_all_defects(path):
    labels = found(open_data(path))
    assert sorted(labels) == [*NAMES]
    for name, ids in labels.items():
        np.testing.assert_array_equal(ids, defects(name))


@pytest.mark.parametrize("name", STATED)
def test_where_a_folder_says_so_fix_declares_them(tmp_path, capsys, name):
    write, pattern = STATED[name]
    data, written = tmp_path / "data", tmp_path / "written"
    write(data)
    with pytest.raises(InputError, match=r"3 pictures have no mask .*--fix makes them background"):
        open_data(data)
    assert main(["doctor", str(data), "--write", str(written)]) == 0
    check_all_defects(written)
    main(["doctor", str(data), "--fix"])
    assert f"fix      background = {pattern} under [layout]: pictures without a mask" in capsys.readouterr().out
    assert f"background = {pattern}" in (data / "schema.toml").read_text()
    check_all_defects(data)
    trained = found(open_splits(data)["train"])
    assert any(np.any(ids) for ids in trained.values())


@pytest.mark.parametrize("name", UNSTATED)
def test_where_nothing_says_so_the_error_names_the_entry(tmp_path, name):
    UNSTATED[name](tmp_path)
    with pytest.raises(
        InputError, match=r'no mask .*, or write background = "\*" under \[layout\] in schema.toml if'
    ) as told:
        open_data(tmp_path)
    assert str(told.value).endswith('show nothing of the classes, background = "" to leave them out')
    (tmp_path / "schema.toml").write_text('[layout]\nbackground = "*"\n')
    main(["doctor", str(tmp_path), "--fix"])
    assert 'background = "*"' in (tmp_path / "schema.toml").read_text()
    check_all_defects(tmp_path)
    assert len(open_splits(tmp_path)["train"]) in (2, 4)


def test_a_defect_may_be_called_like_a_drawing(tmp_path, capsys):
    """Pictures of `test/color` are neither masks nor those in visible light, whose bands the other folders hold."""
    for number, name in enumerate(NAMES):
        kind = ("good", "bent", "color")[number % 3]
        (tmp_path / f"test/{kind}").mkdir(parents=True, exist_ok=True)
        picture(name).save(tmp_path / f"test/{kind}/{number // 3:03}.png")
        if kind != "good":
            (tmp_path / f"ground_truth/{kind}").mkdir(parents=True, exist_ok=True)
            black_and_white(name).save(tmp_path / f"ground_truth/{kind}/{number // 3:03}_mask.png")
    (tmp_path / "train/good").mkdir(parents=True)
    picture("s5").rotate(180).save(tmp_path / "train/good/000.png")
    assert main(["doctor", str(tmp_path), "--fix"]) == 0
    assert 'background = "*/good/*"' in capsys.readouterr().out
    samples = open_data(tmp_path)
    assert len(samples) == len(NAMES) + 1
    for index in range(len(samples)):
        path = samples.pairs[index].image
        name = NAMES[int(path.stem) * 3 + ("good", "bent", "color").index(path.parent.name)]
        bad = path.parent.name != "good"
        np.testing.assert_array_equal(samples[index].labels, (truth(name) > 0) & bad)


def test_none_of_them_is_background_where_the_entry_is_empty(tmp_path):
    labels_of_bad_ones(tmp_path)
    (tmp_path / "schema.toml").write_text(
        'classes = ["background", "crack"]\nremap = { 0 = 0, 255 = 1 }\n[layout]\nbackground = ""\n'
    )
    with collecting() as complaints:
        contents_of(tmp_path)
    assert any("3 pictures without a mask are not used (Class1/Test/" in one.line for one in complaints)
    assert sorted(found(open_data(tmp_path))) == [*BAD]


def test_patterns_leave_other_pictures_without_a_mask_an_error(tmp_path):
    images_of_all(tmp_path)
    (tmp_path / "schema.toml").write_text('[layout]\nbackground = "images/s[15].png"\n')
    with pytest.raises(InputError, match=r"no mask .*s2"):
        open_data(tmp_path)


def test_with_patterns_of_pictures_and_masks(tmp_path):
    labels_of_bad_ones(tmp_path)
    (tmp_path / "schema.toml").write_text(
        'classes = ["background", "crack"]\nremap = { 0 = 0, 255 = 1 }\n[layout]\n'
        'images = "Class1/{folder}/{name}.PNG"\nmasks = "Class1/{folder}/Label/{name}_label.PNG"\nbackground = "*"\n'
        'val = "Class1/Test/*"\n'
    )
    check_all_defects(tmp_path)
    assert len(open_splits(tmp_path)["val"]) == 2


def test_a_class_must_be_background(tmp_path):
    labels_of_bad_ones(tmp_path)
    (tmp_path / "schema.toml").write_text(
        'classes = ["crack", "scratch"]\nremap = { 0 = 255, 255 = 1 }\n[layout]\nbackground = "*"\n'
    )
    with pytest.raises(InputError, match="counts as background, but no class is called background"):
        found(open_data(tmp_path))


def test_a_tenth_of_both_kinds_is_held_out(tmp_path):
    labels_of_bad_ones(tmp_path)
    for path in [*(tmp_path / "Class1/Test/Label").iterdir()]:
        path.rename(tmp_path / "Class1/Train/Label" / path.name)
    for path in [*(tmp_path / "Class1/Test").glob("*.PNG")]:
        path.rename(tmp_path / "Class1/Train" / path.name)
    (tmp_path / "schema.toml").write_text(
        'classes = ["background", "crack"]\nremap = { 0 = 0, 255 = 1 }\n[layout]\nbackground = "*"\n'
    )
    held = found(open_splits(tmp_path)["val"])
    assert sorted(name in BAD for name in held) == [False, True]
