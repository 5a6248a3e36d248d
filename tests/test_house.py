"""Rules of the code base that no linter knows: no import circles, no huge files, plain first lines."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
LONGEST = 400


@cache
def trees():
    """Each file, parsed once."""
    return {path: ast.parse(path.read_text()) for path in FILES}


def imports(path):
    """The modules of the package that a file imports, wherever in the file the statement stands."""
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_file_imports_itself_by_way_of_others():
    graph = {module: {name for name in imports(path) if name in MODULES} for module, path in MODULES.items()}
    assert sum(map(len, graph.values())) > 1000
    assert len([*TopologicalSorter(graph).static_order()]) == len(MODULES)  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_holds_one_idea(path):
    assert len(path.read_text().splitlines()) <= LONGEST


def test_first_lines_say_what_a_thing_is():
    """A docstring that begins with a question is read twice; a handful may."""
    documented = ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.Module
    lines = [
        f"{path.relative_to(SOURCE)}: {text.splitlines()[0]}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, documented) and (text := ast.get_docstring(node))
    ]
    questions = [line for line in lines if re.search(r": (What|Whether|How|Of)\b", line)]
    assert len(lines) > 1500
    assert len(questions) <= 10, questions


def test_files_of_tests_have_names_of_their_own():
    """Folders of tests are no packages: pytest imports each file by its bare name."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(names) > 150
    assert len({*names}) == len(names)
