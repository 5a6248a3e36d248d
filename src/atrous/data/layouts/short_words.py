"""Two letters for a split: `DUTS-TE` and `imagesTs` are tests where `DUTS-TR` and `imagesTr` lie somewhere, too."""

import re
from collections.abc import Iterable, Mapping

LANGUAGES = frozenset({"ar", "de", "en", "es", "fr", "hi", "ja", "ko", "ru", "zh"})
"""Codes of languages; beside folders called so, `te` and `tr` are Telugu and Turkish."""
_TEST = re.compile(r"(?<![^\W\d_])(?i:t[es])(?![^\W\d_])|(?<=[a-z])T[ESes](?![a-z])")


def spelled_out(names: Iterable[str]) -> Mapping[str, str]:
    """Names of folders that say test in two letters -> the same names with the whole word; no others."""
    every = {*names}
    known = {name.lower() for name in every}
    found: dict[str, str] = {}
    for name in sorted(every):
        for match in _TEST.finditer(name):
            before, after = name[: match.start()], name[match.end() :]
            if f"{before}tr{after}".lower() in known:
                found[name] = f"{before}_test{after}" if before else f"test{after}"
    return found
