"""Write docs/licences.md: licences of what the package and its extras need, from the metadata of what is
installed.

Run it in an environment that holds the extras; what is not installed is listed as such. Of `dev` and `bench` nothing is
part of what a user installs.
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_SHIPPED = ("dev", "bench", "docs")
SHORT = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}
HEAD = """# Licences of what is installed along

The package is under Apache-2.0 and holds no code of others. It installs the packages below, each under its own licence;
the table is what their metadata say (`scripts/licences.py`), without what they install in turn. Weights and data sets
have licences of their own: `atrous weights` and `atrous info FILE` show them. The wheels of torch, av, pillow-heif,
imagecodecs and SciPy bundle libraries of further licences, the LGPL among them: their own pages list these.

| package | version | licence | needed by |
|---|---|---|---|
"""


def name_of(requirement):
    """The package's name in a requirement."""
    return re.match(r"[\w.-]+", requirement)[0]


def licence(name):
    """Version and licence as the package states them, in a few words."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return "-", "not installed here"
    stated = found.get("License-Expression") or (found.get("License") or "").strip().splitlines()[:1]
    stated = stated if isinstance(stated, str) else "".join(stated)
    classified = [
        line.rpartition(" :: ")[2] for line in found.get_all("Classifier") or [] if line.startswith("License")
    ]
    if not re.match(r"(?i)(apache|bsd|mit|isc|psf|zlib|mpl|0bsd|cc0|hpnd)", stated):
        stated = ", ".join(SHORT.get(name, name) for name in classified) or "not in its metadata"
    return found["Version"], SHORT.get(stated, stated)


def rows():
    """(package, version, licence, what needs it), the core first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"the package": project["dependencies"]}
    for extra, requirements in project["optional-dependencies"].items():
        if extra not in NOT_SHIPPED:
            groups[f"extra `{extra}`"] = requirements
    needed = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            if not requirement.startswith("atrous"):
                needed.setdefault(name_of(requirement), []).append(group)
    return [(name, *licence(name), ", ".join(users)) for name, users in needed.items()]


if __name__ == "__main__":
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows())
    (ROOT / "docs" / "licences.md").write_text(HEAD + table)
