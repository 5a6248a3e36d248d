"""A verb's options from the command line: tyro over a dataclass, a bad one told in one line."""

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
    """Options as `kind`, where every field of its dataclasses, however deep, is an option of its own flat name.

    Raises:
        InputError: If an option is unknown, lacks its value, or has one that cannot be.
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
    """The first paragraph below the title in the frame that tyro draws (in ASCII: rules); the rest repeats the help."""
    rows = [row.strip(_FRAME) for row in box.splitlines()[1:]]
    texts = ["" if not row.strip(_RULE) else row for row in rows]
    sentence = " ".join(takewhile(bool, dropwhile(lambda text: not text, texts))) or "bad options"
    # Our own errors name what is wrong; which dataclass refused it says nothing to a user.
    return re.sub(r"^Error parsing (?!--)\S+: ", "", sentence).rstrip(".")
