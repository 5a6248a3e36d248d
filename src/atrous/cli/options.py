"""Parsing of a verb's options into a dataclass; errors become one line."""

import contextlib
import io
import re
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from typing import TypeVar

import tyro

from atrous.errors import InputError

T = TypeVar("T")

_FRAME, _RULE = "│|╭╮╰╯+ ", "─-"


def parse(kind: type[T], arguments: Sequence[str], *, verb: str, default: T | None = None) -> T:
    """Parse arguments into `kind`; every field of it and of its nested dataclasses is an option of that flat name.

    Raises:
        InputError: If an option is unknown, lacks its value, or has an impossible one.
        SystemExit: After `--help` (status 0).
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                prog=f"atrous {verb}",
                args=list(arguments),
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
        raise InputError(f"{_sentence(complaint.getvalue())}; see atrous {verb} --help") from None


def _sentence(box: str) -> str:
    """The first paragraph in the frame that tyro draws around errors (rules in ASCII); the rest repeats the help."""
    rows = [row.strip(_FRAME) for row in box.splitlines()[1:]]
    texts = ["" if not row.strip(_RULE) else row for row in rows]
    sentence = " ".join(takewhile(bool, dropwhile(lambda text: not text, texts))) or "bad options"
    # Our own errors name what is wrong; the name of a dataclass means nothing to a user.
    return re.sub(r"^Error parsing (?!--)\S+: ", "", sentence).rstrip(".")
