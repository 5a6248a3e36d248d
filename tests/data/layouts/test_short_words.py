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
