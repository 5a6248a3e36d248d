"""Text that users wrote (class names, file names, captions), made fit to be shown in one line."""

_UNSHOWABLE = "\N{REPLACEMENT CHARACTER}"


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
