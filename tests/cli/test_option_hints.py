"""Words of the command line that are nearly right: each is read as meant, or answered by what to write instead."""

import pytest

from atrous.cli import doctor, predict, serve, train
from atrous.cli import main as command
from atrous.cli.options import option_names, parse
from atrous.errors import InputError


@pytest.mark.parametrize("word", ["none", "None", "NONE", "null"])
def test_none_is_read_in_any_case_where_an_option_may_be_none(word):
    options = parse(serve.Options, ["weights", "--token-file", word, "--memory", word], verb="serve")
    assert options.token_file is None
    assert options.memory is None


def test_words_without_an_option_are_no_options():
    names = option_names(predict.Options)
    assert {"--out", "--scales", "--no-flip", "--as"} <= {*names}
    assert not {"--weights", "--inputs", "--form"} & {*names}


@pytest.mark.parametrize(
    ("kind", "line", "hint"),
    [
        (serve.Options, "w --watch", "--watch is unknown: atrous predict WEIGHTS FOLDER --watch"),
        (serve.Options, "w --prt 1", "--prt is unknown, did you mean --port?"),
        (predict.Options, "--weights w --source a.jpg", "weights need no option"),
        (predict.Options, "w --source a.jpg --out o", "pictures need no option"),
        (predict.Options, "w a.jpg --out o --tta", "--flip and --scales"),
        (predict.Options, "w a.jpg --out o --half", "--precision bfloat16"),
        (predict.Options, "w a.jpg --out o --fast", "see atrous a_verb --help"),
        (train.Options, "d --resume", "the same command goes on"),
        (train.Options, "d --image-size 256", "train takes --crop HEIGHT WIDTH"),
        (train.Options, "--data d", "the data needs no option"),
        (train.Options, "d out=runs/a", "options begin with dashes: --out runs/a"),
    ],
)
def test_what_to_write_instead(kind, line, hint):
    with pytest.raises(InputError) as caught:
        parse(kind, line.split(), verb="a_verb")
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "words", "names"),
    [
        (predict.Options, "", ["WEIGHTS (An archive, ", "--out PATH (Folder for the outputs; created if missing)"]),
        (predict.Options, "w a.jpg", ["--out PATH (Folder for the outputs; created if missing)"]),
        (train.Options, "", ["DATA (Folder of images/ and masks/, "]),
    ],
)
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_what_is_missing_is_named_with_what_it_is(kind, words, names, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(InputError) as caught:
        parse(kind, words.split(), verb="a_verb")
    told = str(caught.value)
    assert told.startswith(f"missing: {names[0]}")
    assert told.endswith("); see atrous a_verb --help")
    assert all(name in told for name in names)
    assert "required" not in told


def test_the_doctor_takes_the_usual_name_of_an_output(tmp_path):
    with pytest.raises(InputError, match="--as and --tolerance are about --write"):
        doctor.main([str(tmp_path), "--as", "coco"])
    assert doctor.normalized(["a", "-o", "b"], aliases=doctor._ALIASES) == ["a", "--write", "b"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("street train", "atrous street: unknown verb 'street'; the verb comes first: atrous train street ..."),
        ("runs/a val --flip", "atrous runs/a: unknown verb 'runs/a'; the verb comes first: atrous val runs/a ..."),
        ("trian street", "atrous trian: unknown verb 'trian'; did you mean 'train'?"),
        ("evalute w --data d --split val", "atrous evalute: unknown verb 'evalute'; did you mean 'evaluate'?"),
        ("evalute val", "atrous evalute: unknown verb 'evalute'; did you mean 'evaluate'?"),
    ],
)
def test_an_unknown_verb_is_answered_by_the_likely_one(line, told, capsys):
    assert command.main(line.split()) == 2
    assert capsys.readouterr().err == f"{told}\n"
