"""A finding of the doctor: one line with file, value and remedy, and how bad it is."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """Severity of a finding: training refuses errors; warnings cost quality; notes are worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        grade: Its severity.
        kind: Its subject in a word or two; findings of a kind are listed together.
        line: File, value and remedy.
    """

    grade: Grade
    kind: str
    line: str


def error(kind: str, line: str) -> Finding:
    """A finding that training refuses."""
    return Finding(Grade.ERROR, kind, line)


def warning(kind: str, line: str) -> Finding:
    """A finding that costs quality."""
    return Finding(Grade.WARNING, kind, line)


def note(kind: str, line: str) -> Finding:
    """A finding that is worth knowing."""
    return Finding(Grade.NOTE, kind, line)
