"""Text that users wrote (class names, file names, captions), made fit to be shown in one line."""

from collections.abc import Mapping

_UNSHOWABLE = "\N{REPLACEMENT CHARACTER}"

SHOWN_CLASSES = 8
"""Classes that a line names."""


def one_line(text: str) -> str:
    """`text` with every run of white space as one space and no invisible characters.

    Control characters (they steer terminals), direction marks and lone surrogates (they cannot be written as UTF-8)
    become the replacement character. Markup is left alone: escaping belongs to whoever writes the markup.
    """
    return "".join(char if char.isprintable() else _UNSHOWABLE for char in " ".join(text.split()))


def shortened(text: str, *, limit: int) -> str:
    """`one_line(text)` with at most `limit` characters (1 or more), the last one an ellipsis where text was cut."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def class_line(shares: Mapping[str, float]) -> str:
    """Names and mean shares of the classes that were found, the largest first."""
    total = sum(shares.values())
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])
    found = [f"{one_line(name)} {share / total:.1%}" for name, share in ordered[:SHOWN_CLASSES]]
    more = f", {len(ordered) - SHOWN_CLASSES} more" if len(ordered) > SHOWN_CLASSES else ""
    return ", ".join(found) + more
