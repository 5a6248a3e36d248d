"""A seeded sample of small faults in the sources, each against the tests of its own folder; prints those that pass.

The test files that import the changed module come first, because they notice most faults within seconds.

    python scripts/soak/mutants.py --count 200 --seed 0

A fault changes one comparison, sign, number, `and`/`or` or `not`, or drops one statement that is a call. It is put into
a copy of `src`; the checkout is never changed. A fault that all tests of its folder pass is a survivor: either it
changes nothing that matters (an equivalent mutant), or a test is missing.
"""

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ops", "training", "evaluation", "data")
SECONDS = 600
"""Longest run of one folder's tests; a mutant that takes longer counts as noticed, for it hangs."""

NO_TESTS = 5
"""Exit status of pytest where every test of the files is left out, as those for a GPU are."""

COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
SIGNS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.FloorDiv: "*", ast.Div: "*"}


@dataclass(frozen=True)
class Mutant:
    """One fault: the characters from `start` to `end` of a file become `text`."""

    path: Path
    line: int
    start: int
    end: int
    text: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Every fault that can be put into a file."""
    source = path.read_text()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = source.encode()

    def place(node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_column

    def between(node: ast.expr, left: ast.expr, right: ast.expr, text: str) -> Mutant:
        return Mutant(path, node.lineno, place(left)[1], place(right)[0], f" {text} ")

    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
                yield between(node, left, right, COMPARISONS[type(operator)])
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in SIGNS:
                if raw[place(left)[1] : place(right)[0]].count(b"(") == 0:  # no brackets between the two
                    yield between(node, left, right, SIGNS[type(operator)])
            case ast.BoolOp(op=operator, values=[first, second, *_]):
                if raw[place(first)[1] : place(second)[0]].count(b"(") == 0:
                    yield between(node, first, second, "or" if isinstance(operator, ast.And) else "and")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield Mutant(path, node.lineno, place(node)[0], place(operand)[0], "")
            case ast.Constant(value=value) if type(value) is int:
                yield Mutant(path, node.lineno, *place(node), str(value + 1))
            case ast.Expr(value=ast.Call()):
                yield Mutant(path, node.lineno, *place(node), "pass")
            case _:
                pass


def changed(mutant: Mutant) -> bytes:
    """The content of a file with its fault."""
    raw = mutant.path.read_bytes()
    return raw[: mutant.start] + mutant.text.encode() + raw[mutant.end :]


def is_python(mutant: Mutant) -> bool:
    """Return True if a file with its fault can still be compiled."""
    try:
        ast.parse(changed(mutant))
    except SyntaxError:
        return False
    return True


def tests_of(path: Path) -> Path | None:
    """The folder of tests that mirrors a file's folder, or the nearest one above that exists."""
    folder = ROOT / "tests" / path.relative_to(ROOT / "src/atrous").parent
    while not any(folder.glob("test_*.py")):
        folder = folder.parent
        if folder == ROOT / "tests":
            return None
    return folder


def in_order(path: Path, tests: Path) -> list[list[str]]:
    """The test files of a folder: those that import a module, then the others; either list may be missing."""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    module, package, name = ".".join(parts), ".".join(parts[:-1]), parts[-1]
    imports = re.compile(rf"from {re.escape(module)} import|from {re.escape(package)} import [^\n]*\b{name}\b")
    files = sorted(tests.rglob("test_*.py"))
    near = [str(file) for file in files if imports.search(file.read_text())]
    return [batch for batch in (near, [str(file) for file in files if str(file) not in near]) if batch]


def passes(files: list[str], *, sources: Path) -> bool:
    """Return True if all tests of some files pass within `SECONDS`, run on a copy of the sources."""
    environment = {**os.environ, "PYTHONPATH": str(sources), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode in (0, NO_TESTS)


def survives(mutant: Mutant, *, sources: Path, batches: list[list[str]]) -> bool:
    """Return True if all tests of a folder pass in spite of a fault."""
    copy = sources / mutant.path.relative_to(ROOT / "src")
    raw = copy.read_bytes()
    copy.write_bytes(raw[: mutant.start] + mutant.text.encode() + raw[mutant.end :])
    try:
        return all(passes(files, sources=sources) for files in batches)
    finally:
        copy.write_bytes(raw)


def main() -> int:
    """Run a sample; returns 0 whatever survives, for survivors are to be judged by a reader."""
    parser = argparse.ArgumentParser(description="Small faults against the tests of their folders.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--packages", nargs="+", default=PACKAGES)
    arguments = parser.parse_args()
    files = [path for name in arguments.packages for path in sorted((ROOT / "src/atrous" / name).rglob("*.py"))]
    every = [mutant for path in files if tests_of(path) for mutant in mutants(path) if is_python(mutant)]
    sample = random.Random(arguments.seed).sample(every, min(arguments.count, len(every)))
    survivors, started = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder, "src")
        shutil.copytree(ROOT / "src", sources, ignore=shutil.ignore_patterns("__pycache__"))
        for number, mutant in enumerate(sample, 1):
            tests = tests_of(mutant.path)
            batches = in_order(mutant.path, tests) if tests else []
            if batches and survives(mutant, sources=sources, batches=batches):
                survivors += 1
                before = mutant.path.read_bytes()[mutant.start : mutant.end].decode()
                shown = mutant.path.relative_to(ROOT)
                print(f"survivor {shown}:{mutant.line}: {before.strip()!r:.60} -> {mutant.text.strip()!r}", flush=True)
            print(
                f"{number} of {len(sample)} mutants, {survivors} survived, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
