"""Files of a release agree with each other: version, lowest versions, licences."""

import re
import tomllib
from pathlib import Path

from atrous.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def numbers(version):
    """Numbers of a version without trailing zeros, since 2.0 is 2.0.0."""
    return tuple(map(int, re.sub(r"(\.0)+$", "", version).split(".")))


def test_lowest_versions_are_the_bounds_of_the_core():
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = dict(requirement.split(">=") for requirement in PROJECT["dependencies"])
    assert pinned.keys() == bounds.keys()
    for name, bound in bounds.items():
        assert numbers(pinned[name])[: len(numbers(bound))] == numbers(bound), name


def test_the_citation_names_this_version():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_package_that_is_installed_has_a_line_among_the_licences():
    page = (ROOT / "docs" / "licences.md").read_text()
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(one for extra in extras if extra not in ("dev", "bench", "docs") for one in extras[extra]),
    ]
    names = [re.match(r"[\w.-]+", one)[0] for one in wanted if not one.startswith("atrous")]
    assert [name for name in names if f"\n| {name} | " not in page] == []
