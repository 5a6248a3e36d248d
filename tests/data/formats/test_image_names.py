"""Pictures found by file, folder and pattern, against the standard library's `glob`; their natural order."""

import glob
import itertools
import os
import random
import re
from pathlib import Path

import pytest

from atrous.data.formats.image_names import image_files, image_names, natural_key
from atrous.data.formats.images import IMAGE_SUFFIXES, read_image
from atrous.errors import InputError


@pytest.fixture
def photos(tmp_path) -> Path:
    for name in ("f10.png", "f9.PNG", "f1.jpg", "notes.txt", ".hidden.png", "deep/f2.png", "deep/er/f3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_gives_its_pictures_in_natural_order(photos):
    assert [path.name for path in image_files([photos])] == ["f1.jpg", "f9.PNG", "f10.png"]


def test_patterns_reach_into_folders(photos):
    found = [path.relative_to(photos).as_posix() for path in image_files([f"{photos}/**/*"])]
    assert found == ["deep/er/f3.png", "deep/f2.png", "f1.jpg", "f9.PNG", "f10.png"]


def test_files_are_taken_as_they_are_and_once(photos):
    listed = [photos / "notes.txt", photos / "f1.jpg", str(photos / "f*.jpg"), photos]
    assert [path.name for path in image_files(listed)] == ["f1.jpg", "f9.PNG", "f10.png", "notes.txt"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    path = tmp_path / "a[1].png"
    path.touch()
    assert image_files([path]) == [path]


def test_what_gives_no_picture_is_named(photos):
    (photos / "empty").mkdir()
    for pattern in (photos / "empty", photos / "nowhere.jpg", f"{photos}/*.bmp"):
        with pytest.raises(InputError) as error:
            image_files([photos, pattern])
        assert str(pattern) in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no input"):
        image_files([])
    for pattern in ("x" * 5000, "x\0y"):
        with pytest.raises(InputError):
            image_files([pattern])
        with pytest.raises(InputError):
            read_image(Path(pattern))


PATTERNS = ["*.png", "f*", "f[91]*", "?1*", "deep/*.png", "*/*.png", "**/*", "d*/**/f3*", "**/*/*"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_give_the_pictures_that_glob_gives(photos, pattern):
    found = glob.glob(f"{photos}/{pattern}", recursive=True)
    pictures = {name for name in found if Path(name).suffix.lower() in IMAGE_SUFFIXES}
    assert {*image_names([f"{photos}/{pattern}"])} == pictures


def test_patterns_begin_at_the_current_folder(photos, monkeypatch):
    monkeypatch.chdir(photos)
    assert image_names(["*.png"]) == ["f10.png"]
    assert image_names(["./f*"]) == ["f1.jpg", "f9.PNG", "f10.png"]
    assert image_names(["deep/*"]) == ["deep/f2.png"]
    assert image_names(["**/*2.png"]) == ["deep/f2.png"]


def test_a_folder_and_a_pattern_do_not_ask_the_disk_about_each_file(tmp_path, monkeypatch):
    for number in range(300):
        (tmp_path / f"{number}.png").touch()
    asked, stat = list[object](), os.stat

    def counted(*arguments, **options):
        asked.append(arguments)
        return stat(*arguments, **options)

    monkeypatch.setattr(os, "stat", counted)
    for pattern in (tmp_path, f"{tmp_path}/*.png", f"{tmp_path}/**/*.png"):
        assert len(image_names([pattern])) == 300
    assert len(asked) < 30


def test_natural_order_compares_numbers_by_value():
    """Against lists of texts and integers, compared by Python itself."""

    def parts(name: str) -> list[str | int]:
        return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]

    numbers = ("0", "1", "9", "10", "0" * 9, "9" * 30)
    texts = itertools.product(("", "f", "f-", "é", "9/f"), numbers, ("", "-", "x2", "x10", "/1"))
    names = ["".join(text) for text in texts]
    by_key = sorted(names, key=lambda name: natural_key(Path(name)))
    assert [parts(name) for name in by_key] == sorted(map(parts, names))
    assert natural_key(Path("a7")) != natural_key(Path("a07"))  # so that their order is always the same


def test_names_that_differ_in_digits_alone_have_the_natural_order(tmp_path):
    """They are ordered without a key for each; mixed with one of another form, they have the same order."""
    numbers = random.Random(0).sample(range(1000), 200)
    names = [f"b_{number:03d}_{number * 7 % 1000:03d}.png" for number in numbers]
    for name in names:
        (tmp_path / name).touch()
    expected = sorted(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    assert [Path(name).name for name in image_names([tmp_path])] == expected
    (tmp_path / "z_10.png").touch()
    (tmp_path / "z_9.png").touch()
    assert [Path(name).name for name in image_names([tmp_path])] == [*expected, "z_9.png", "z_10.png"]
