"""Generated defects of data sets: file, value and remedy are named, and errors stop training in the same words."""

import pytest

from atrous.cli import train as train_verb
from atrous.cli.main import main
from fakes.broken import sound_folder
from fakes.defects import ERRORS, OTHERS


class StartedError(Exception):
    """Training has passed all checks."""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Exit status of `atrous train`, which is stopped before its first step."""

    def stopped(*_, **__):
        raise StartedError

    monkeypatch.setattr(train_verb, "run_stages", stopped)
    return lambda data: main(["train", str(data), "--out", str(tmp_path / "run"), "--recipe", "scenes"])


def doctor(data, capsys):
    """Exit status of `atrous doctor`, and its lines by grade."""
    capsys.readouterr()
    status = main(["doctor", str(data)])
    found = {"error": [], "warning": [], "note": []}
    for line in capsys.readouterr().out.splitlines():
        grade, _, text = line.partition(" ")
        found.get(grade, []).append(text.strip())
    return status, found


def named(lines, parts):
    return [line for line in lines if all(part in line for part in parts)]


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_names_file_value_and_remedy_and_stops_training(tmp_path, name, capsys, train):
    data = sound_folder(tmp_path / "data")
    ERRORS[name].make(data)
    status, found = doctor(data, capsys)
    lines = named(found["error"], ERRORS[name].parts)
    assert status == 1
    assert lines, found
    assert train(data) == 2
    told = capsys.readouterr().err.splitlines()[-1].removeprefix("atrous train: ")  # a progress bar may stand above
    first, _, others = told.partition("; and ")
    assert found["error"][0] == told if len(found["error"]) == 1 else first in found["error"], others
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", OTHERS)
def test_what_training_starts_with_all_the_same(tmp_path, name, capsys, train):
    data = sound_folder(tmp_path / "data")
    OTHERS[name].make(data)
    status, found = doctor(data, capsys)
    assert status == 0
    assert named(found[OTHERS[name].grade], OTHERS[name].parts), found
    assert found["error"] == []
    with pytest.raises(StartedError):
        train(data)
    shown = capsys.readouterr().err
    assert ("about the data: atrous doctor" in shown) == bool(found["warning"])
    assert all(f"warning: {line}" in shown for line in found["warning"][:3])


def test_nothing_is_wrong_with_the_sound_folder(tmp_path, capsys):
    status, found = doctor(sound_folder(tmp_path / "data"), capsys)
    assert (status, found["error"], found["warning"], len(found["note"])) == (0, [], [], 1)


def test_there_are_more_than_forty():
    assert len(ERRORS) + len(OTHERS) > 70
