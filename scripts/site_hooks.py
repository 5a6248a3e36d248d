"""Hooks of MkDocs: pages that lie outside docs/ become pages of the site, and links to them stay right.

A link in a page of docs/ is written as it must be on a code host (`../CHANGELOG.md`, `../models/card.md`); the site
holds these files beside the others.
"""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "models/*.md", "examples/*.ipynb")
TO_DOCS = re.compile(r"\]\(((?:\.\./)*)docs/")
UP_AND_OUT = re.compile(r"\]\(((?:\.\./)+)((?:[A-Z_]+\.md|models/|examples/)[^)]*)\)")


def on_files(files, config):
    """Add the files outside docs/ that pages link to."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix == ".md":
                files.append(File.generated(config, name, content=TO_DOCS.sub(r"](\1", path.read_text())))
            else:
                files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, **_):
    """Take one level off links that leave docs/."""
    if (ROOT / page.file.src_uri).exists():  # a page from outside: its links start at the root already
        return markdown
    return UP_AND_OUT.sub(lambda link: f"]({link[1].removeprefix('../')}{link[2]})", markdown)
