"""What the documentation names exists: files, tests, verbs and their options."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from atrous.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[1]
HOMES = (ROOT, ROOT / "src" / "atrous", ROOT / "tests")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference" / "cli.md"
PATH = re.compile(r"`((?:src|tests|docs)/[\w./-]*|[\w./-]+\.py)(?:::(\w+))?`")
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(page):
    """The verb and the options of every `atrous` line in the shell blocks of a page."""
    for block in SHELL_BLOCK.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            match shlex.split(line, comments=True):
                case ["atrous", verb, *rest]:
                    yield verb, [word.partition("=")[0] for word in rest if word.startswith("--")]


@cache
def known_options(verb):
    """What `atrous VERB --help-all` shows, from the page that is written from it."""
    _, _, section = REFERENCE.read_text().partition(f"\n## atrous {verb}\n")
    return set(re.findall(r"--[a-z][a-z0-9-]*[a-z0-9]", section.partition("\n## ")[0]))


def test_the_page_of_options_is_fresh():
    """In a process of its own: without the type checks of the tests."""
    command = [sys.executable, "scripts/reference_pages.py", "--check"]
    paths = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    checked = subprocess.run(command, cwd=ROOT, env=paths, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"{checked.stderr}: run `python scripts/reference_pages.py` and commit the page"


def test_the_tables_of_the_papers_are_those_of_their_files():
    spec = importlib.util.spec_from_file_location("paper_results", ROOT / "scripts" / "paper_results.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "results.md").read_text()
    assert page.partition(script.BEGIN)[2].partition(script.END)[0].strip() == script.tables().strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_and_tests_exist(page):
    for path, test in PATH.findall(page.read_text()):
        found = [home / path for home in HOMES if (home / path).exists()]
        assert found, f"{page.name} names {path}"
        assert not test or f"def {test}(" in found[0].read_text(), f"{page.name} names {path}::{test}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_known(page):
    for verb, options in commands(page):
        assert verb in VERBS, f"{page.name}: atrous {verb}"
        assert set(options) <= known_options(verb), f"{page.name}: atrous {verb} {' '.join(options)}"


def test_something_is_looked_at():
    """A changed style of writing must not leave these tests without work."""
    assert len([path for page in PAGES for path, _ in PATH.findall(page.read_text())]) > 100
    assert {verb for page in PAGES for verb, _ in commands(page)} >= {"train", "evaluate", "predict", "info"}
