"""Parsing of a verb's options into a dataclass; usual other spellings are accepted, and errors become one line."""

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile, takewhile
from typing import Any, TypeVar, get_args, get_type_hints

import tyro

from atrous.errors import InputError, closest

T = TypeVar("T")

_FRAME, _RULE = "│|╭╮╰╯+ ", "─-"

ALIASES: Mapping[str, str] = {
    "-o": "--out",
    "--output": "--out",
    "--batch": "--batch-size",
    "--lr": "--learning-rate",
    "--imgsz": "--crop",
}
"""Options as other programs spell them, and ours."""

_STATED = frozenset({"--batch", "--lr", "--imgsz"})
"""Aliases that other programs define in a slightly different way; a note on stderr says how they are read."""
_CLASSES = "the number of classes is that of the data: its masks, or classes in schema.toml"
_INPUTS = "pictures need no option: atrous predict WEIGHTS PICTURE... --out FOLDER"
_WORDS = "weights need no option, such as: atrous predict WEIGHTS PICTURE... --out FOLDER"
_DEVICES = "--device cuda:0 names one; torchrun starts a process for each of several"
_SIZE = "train takes --crop HEIGHT WIDTH, the size of its crops; pictures are predicted at their own size"
_HINTS: Mapping[str, str] = {
    "--pretrained": "train takes ImageNet weights by --backbone-weights, a trained model by --weights",
    "--num-classes": _CLASSES,
    "--nc": _CLASSES,
    "--classes": _CLASSES,
    "--source": _INPUTS,
    "--input": _INPUTS,
    "--images": _INPUTS,
    "--img": _INPUTS,
    "--weights": _WORDS,
    "--model": _WORDS,
    "--data": "the data needs no option: atrous train DATA",
    "--checkpoint": _WORDS,
    "--ckpt": _WORDS,
    "--resume": "the same command goes on where its run folder stopped",
    "--tta": "--flip and --scales 0.75 1 1.25 average mirrored and resized pictures",
    "--augment": "--flip and --scales 0.75 1 1.25 average mirrored and resized pictures",
    "--conf": "every pixel gets its most probable class; --probabilities writes how probable each is",
    "--save-txt": "--as yolo writes polygons in text files",
    "--gpus": _DEVICES,
    "--gpu": _DEVICES,
    **dict.fromkeys(("--image-size", "--img-size", "--size"), _SIZE),
    **dict.fromkeys(("--amp", "--half", "--fp16", "--bf16"), "--precision bfloat16 computes in half precision"),
    **dict.fromkeys(("--config", "--cfg", "--yaml"), "--recipe names the settings, and each has an option"),
    "--watch": "atrous predict WEIGHTS FOLDER --watch --out OUT predicts pictures as they arrive in a folder",
}
"""Options of other programs that do not exist here, and the advice that the error message gives for each."""

_LISTS = (
    "--scales",
    "--rates",
    "--multi-grid",
    "--crop",
    "--pool-window",
    "--hard-classes",
    "--crop-classes",
    "--rows",
)
"""Options of several values, which may also be separated by commas."""

_POSITIONAL = getattr(tyro.conf.Positional[int], "__metadata__", ())
"""The mark of fields that are words without an option."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII)


def parse(
    kind: type[T],
    arguments: Sequence[str],
    *,
    verb: str,
    default: T | None = None,
    aliases: Mapping[str, str] | None = None,
) -> T:
    """Parse arguments into `kind`; every field of it and of its nested dataclasses is an option of that flat name.

    Args:
        kind: The dataclass.
        arguments: Words of the command line after the verb.
        verb: The verb, for messages.
        default: Default values; by default those of the dataclass.
        aliases: Older spellings of this verb's options, besides `ALIASES`.

    Raises:
        InputError: If an option is unknown, lacks its value, or has an impossible one.
        SystemExit: After `--help` (status 0).
    """
    return parse_normalized(kind, normalized(arguments, aliases=aliases), verb=verb, default=default)


def parse_normalized(kind: type[T], words: Sequence[str], *, verb: str, default: T | None = None) -> T:
    """Parse words that `normalized` has returned; otherwise as `parse`. `--help-all` is `--help` where all is shown."""
    words = ["--help" if word == "--help-all" else word for word in _with_none(kind, words)]
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                prog=f"atrous {verb}",
                args=words,
                default=tyro.MISSING_NONPROP if default is None else default,
                config=(
                    tyro.conf.OmitArgPrefixes,
                    tyro.conf.AvoidSubcommands,
                    tyro.conf.PositionalMetavarFromFieldName,
                ),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        hint = _similar(words, known=option_names(kind)) or f"see atrous {verb} --help"
        raise InputError(f"{_sentence(complaint.getvalue())}; {hint}") from None


def normalized(arguments: Sequence[str], *, aliases: Mapping[str, str] | None = None) -> list[str]:
    """Return the arguments with our spellings of options, and lists as separate words.

    `--scales 0.5,1` becomes `--scales 0.5 1`, `--crop 256` becomes `--crop 256 256`, `--crop 256x384` two numbers.
    """
    spellings = {**ALIASES, **(aliases or {})}
    words: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_option = name.startswith("-") and not _NUMBER.fullmatch(argument)
        if is_option:
            ours = spellings.get(name.replace("_", "-"), name)
            if name in _STATED and ours != name:
                print(f"note: {name} is read as {ours}", file=sys.stderr)
            name = ours
            words += [name, value] if equals else [name]
        else:
            words.append(argument)
    separated: list[str] = []
    for index, word in enumerate(words):
        option = words[index - 1] if index else ""
        if option in _LISTS and "," in word:
            separated += word.split(",")
        elif option in ("--crop", "--pool-window") and re.fullmatch(r"\d+x\d+", word, re.ASCII):
            separated += word.split("x")
        elif option in ("--crop", "--pool-window") and word.isdecimal():
            following = words[index + 1 : index + 2]
            separated += [word] if following and _NUMBER.fullmatch(following[0]) else [word, word]
        else:
            separated.append(word)
    return separated


def given_names(words: Sequence[str]) -> set[str]:
    """Names of the fields whose options are among normalized arguments; `--no-x` gives `x`, too."""
    names = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    return names | {name.removeprefix("no_") for name in names}


def option_names(kind: Any) -> list[str]:
    """The options of a dataclass and of the dataclasses in it."""
    found = dict(_fields(kind, set()))
    names = [*found, *(f"no_{name}" for name, hint in found.items() if hint is bool)]
    return sorted(_spelled(name) for name in names)


def _fields(kind: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Name and type of every field that is an option."""
    if kind in seen:
        return
    seen.add(kind)
    if not dataclasses.is_dataclass(kind):
        for member in get_args(kind):
            if isinstance(member, type) or get_args(member):
                yield from _fields(member, seen)
        return
    hints, annotated = get_type_hints(kind), get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        inner = [*_fields(hints[field.name], seen)]
        marks = getattr(annotated[field.name], "__metadata__", ())
        if not inner and not {*_POSITIONAL} & {*marks}:
            renamed = next(filter(None, (getattr(mark, "name", None) for mark in marks)), None)
            yield renamed or field.name, hints[field.name]
        yield from inner


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _with_none(kind: Any, words: Sequence[str]) -> list[str]:
    """The words with `None`, as tyro has it, where an option that may be None is given as none, null or NONE."""
    optional = {_spelled(name) for name, hint in _fields(kind, set()) if type(None) in get_args(hint)}
    before = ["", *words]
    return [
        "None" if option in optional and word.lower() in ("none", "null") else word
        for option, word in zip(before, words, strict=False)
    ]


def _similar(words: Sequence[str], *, known: Sequence[str]) -> str:
    """Advice about the first unknown option in the command line.

    An option of another program gets the advice of `_HINTS`; a misspelled option gets the name of the known option that
    it resembles most. Empty if there is neither.

    Args:
        words: The words of the command line.
        known: Names of the verb's options.
    """
    for word in words:
        name = word.replace("_", "-")
        if (setting := re.fullmatch(r"(\w+)=(.*)", word)) and _spelled(setting[1]) in known:
            return f"options begin with dashes: {_spelled(setting[1])} {setting[2]}"
        if name in _HINTS and name not in known:
            return f"{word} is unknown: {_HINTS[name]}"
        # Without the dashes, which would make short names alike; two letters are like too many others.
        names = [one[2:] for one in known if len(one) > 4]
        if word.startswith("--") and name not in known and (similar := closest(name[2:], names)):
            return f"{word} is unknown, did you mean --{similar}?"
    return ""


def _required(rows: Iterable[str]) -> Iterator[str]:
    """Each option whose value is missing, followed by its help in brackets.

    Args:
        rows: Those of tyro: for each option its name, then its help, of which the last row ends with `(required)`.
    """
    name, texts = "", list[str]()
    for row in rows:
        if not name:
            name = row
            continue
        texts.append(row.removesuffix("(required)").rstrip())
        if row.endswith("(required)"):
            yield f"{name} ({' '.join(filter(None, texts)).rstrip('.')})"
            name, texts = "", []


def _sentence(box: str) -> str:
    """The error message of tyro as one sentence.

    tyro draws a frame around the message and repeats the help below it; only the first paragraph says what is wrong.

    Args:
        box: The text that tyro printed, frame included.
    """
    rows = [row.strip(_FRAME) for row in box.splitlines()[1:]]
    texts = ["" if not row.strip(_RULE) else row for row in rows]
    paragraph = list(takewhile(bool, dropwhile(lambda text: not text, texts)))
    if paragraph and paragraph[0].startswith("Missing from") and (missing := [*_required(paragraph[1:])]):
        return f"missing: {', '.join(missing)}"
    sentence = " ".join(paragraph) or "bad options"
    # Our own errors name what is wrong; the name of a dataclass means nothing to a user.
    return re.sub(r"^Error parsing (?!--)\S+: ", "", sentence).rstrip(".")
