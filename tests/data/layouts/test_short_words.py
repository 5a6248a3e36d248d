"""Two letters for a split."""

from pathlib import PurePath

from atrous.data.layouts.words import folder_words, short_words


def test_two_letters_say_test_but_beside_languages():
    paths = [PurePath(f"{split}/images/a.png") for split in ("tr", "te")]
    assert short_words(paths) == {"te": "test"}
    assert folder_words(paths, short_words(paths))[PurePath("te")].split == "test"
    paths.append(PurePath("hi/images/a.png"))
    assert short_words(paths) == {}
    assert folder_words(paths, short_words(paths))[PurePath("te")].split == ""


def test_languages_elsewhere_hide_no_split():
    paths = [
        PurePath(f"{place}/a.png")
        for place in ("es/x", "SET-TR", "SET-TE", "de/imagesTr", "de/imagesTs", "s/tr", "s/te")
    ]
    assert short_words(paths) == {"SET-TE": "SET-_test", "imagesTs": "images_test", "te": "test"}
