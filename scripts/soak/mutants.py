"""A seeded sample of small faults in the sources, each against the tests of its module; prints those that pass.

    python scripts/soak/mutants.py --count 200 --seed 0 --record mutants.jsonl

A fault changes one comparison, sign, number, `and`/`or` or `not`, or drops one statement that is a call. It is put into
a copy of `src`; the checkout is never changed. Every fault first meets the test files that import its module (those of
its folder where none does); those that survive meet the other test files of the folder. The first failing test ends a
run. Libraries are imported once: each run is a fork, without the checks of types and shapes, which take ten times as
long as most tests. With `--record`, a later call goes on where an earlier one ended.

At the end the tests that noticed a fault run without any: one that fails then, too, proves nothing, and is named.
A fault that all tests pass is a survivor: either it changes nothing that matters (an equivalent mutant), or a test is
missing.
"""

import argparse
import ast
import compileall
import contextlib
import importlib
import importlib.util
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ops", "training", "evaluation", "data")
CPU_SECONDS = 300
"""Most processor time of one run of tests; a mutant that takes longer counts as noticed, for it hangs."""

SECONDS = 900
"""Longest run of tests by the clock, for those that wait."""

OPTIONS = ("-q", "-o", "addopts=", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Without the checks of types and shapes at every call, which make importing the package take ten times as long."""

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


def imported(file: Path) -> set[str]:
    """Modules that a test file imports, and `module.name` for each name it takes from one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module), names=aliases):
                names |= {module, *(f"{module}.{alias.name}" for alias in aliases)}
            case _:
                pass
    return names


def in_order(path: Path, tests: Path) -> list[list[str]]:
    """The test files of a folder, smallest first: those that import a module, then the others; no list is empty."""
    module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    files = sorted(tests.rglob("test_*.py"), key=lambda file: file.stat().st_size)
    near = [str(file.relative_to(ROOT)) for file in files if module in imported(file)]
    others = [name for file in files if (name := str(file.relative_to(ROOT))) not in near]
    return [batch for batch in (near, others) if batch]


def import_libraries(tests: list[str], *, sources: Path, output: Path) -> None:
    """Import what some tests import from libraries, so that forks share it; nothing of the package under test."""
    run_tests(tests, sources=sources, output=output, then=lambda: output.write_text("\n".join(_libraries())))
    for name in output.read_text().splitlines():
        with contextlib.suppress(Exception):  # a part that only its library imports
            importlib.import_module(name)


def _libraries() -> list[str]:
    """Modules that were imported from installed packages and the standard library."""
    return [
        name
        for name, module in sys.modules.items()
        if str(getattr(module, "__file__", None) or "").startswith((sys.prefix, sys.base_prefix))
        and not name.startswith("_pytest")
    ]


def run_tests(tests: list[str], *, sources: Path, output: Path, then: Callable[[], object] = lambda: None) -> int:
    """Run tests on a copy of the sources in a fork; returns pytest's status or minus the signal that ended it.

    Args:
        tests: Files, or single tests.
        sources: The copy.
        output: Receives what pytest writes.
        then: Called in the fork after the tests.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(ROOT)
        os.environ |= {"PYTHONPATH": str(sources), "OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        sys.path[:0] = [str(sources), str(ROOT / "tests")]
        sys.dont_write_bytecode = True
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(written, 1)
        os.dup2(written, 2)
        status = pytest.main(["-x", "-rfE", "--tb=no", *OPTIONS, *tests])
        sys.stdout.flush()
        then()
        os._exit(status)
    end = time.monotonic() + SECONDS
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done or time.monotonic() > end:
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # with whatever its tests started
    if not done:
        os.waitpid(child, 0)
        return -signal.SIGALRM
    return os.waitstatus_to_exitcode(status)


def noticed_by(mutant: Mutant, tests: list[str], *, sources: Path) -> str | None:
    """The first test that fails with a fault, or what ended the run; None if all pass."""
    copy = sources / mutant.path.relative_to(ROOT / "src")
    raw = copy.read_bytes()
    Path(importlib.util.cache_from_source(str(copy))).unlink(missing_ok=True)  # it may have the time and size of both
    copy.write_bytes(changed(mutant))
    output = sources.parent / "output.txt"
    try:
        status = run_tests(tests, sources=sources, output=output)
    finally:
        copy.write_bytes(raw)
    if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):  # none where all need a GPU
        return None
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", output.read_text(errors="replace"), re.MULTILINE)
    return found[1] if found else f"status {status}"


def text_of(mutant: Mutant) -> str:
    """A fault in one line, which also names it in a record."""
    before = mutant.path.read_bytes()[mutant.start : mutant.end].decode().strip()
    return f"{mutant.path.relative_to(ROOT)}:{mutant.line}:{mutant.start} {before!r:.60} -> {mutant.text.strip()!r}"


def sampled(packages: list[str], *, count: int, seed: int) -> list[Mutant]:
    """Faults drawn from all that can be put into the modules of some packages."""
    files = [path for name in packages for path in sorted((ROOT / "src/atrous" / name).rglob("*.py"))]
    every = [mutant for path in files if tests_of(path) for mutant in mutants(path) if is_python(mutant)]
    sample = random.Random(seed).sample(every, min(count, len(every)))
    return sorted(sample, key=lambda mutant: len(_first_tests(mutant)))  # those that are answered soonest first


def _first_tests(mutant: Mutant) -> list[str]:
    tests = tests_of(mutant.path)
    return in_order(mutant.path, tests)[0] if tests else []


def try_all(sample: list[Mutant], *, sources: Path, record: Path) -> dict[str, str | None]:
    """What noticed each fault; runs that a record holds are not repeated."""
    known = {(line[0], line[1]): line[2] for line in map(json.loads, record.read_text().splitlines())}
    noticed: dict[str, str | None] = dict.fromkeys(map(text_of, sample))
    for batch in (0, 1):
        left = [mutant for mutant in sample if noticed[text_of(mutant)] is None]
        for number, mutant in enumerate(left, 1):
            tests, name = tests_of(mutant.path), text_of(mutant)
            batches = in_order(mutant.path, tests) if tests else []
            if batch >= len(batches):
                continue
            started = time.monotonic()
            if (name, batch) not in known:
                known[name, batch] = noticed_by(mutant, batches[batch], sources=sources)
                with record.open("a") as lines:
                    lines.write(json.dumps((name, batch, known[name, batch])) + "\n")
            noticed[name] = known[name, batch]
            seconds = time.monotonic() - started
            print(f"{number} of {len(left)}, {seconds:.0f} s: {name}: {noticed[name] or 'SURVIVES'}", flush=True)
    return noticed


def main() -> int:
    """Run a sample; returns 0 whatever survives, for survivors are to be judged by a reader."""
    parser = argparse.ArgumentParser(description="Small faults against the tests of their folders.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--packages", nargs="+", default=PACKAGES)
    parser.add_argument("--record", type=Path, help="file of the runs done so far; made where it is missing")
    arguments = parser.parse_args()
    sample = sampled(arguments.packages, count=arguments.count, seed=arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        sources, record = Path(folder, "src"), arguments.record or Path(folder, "record.jsonl")
        shutil.copytree(ROOT / "src", sources, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(sources, quiet=2)
        record.touch()
        import_libraries(["tests/data/test_selection.py"], sources=sources, output=Path(folder, "output.txt"))
        noticed = try_all(sample, sources=sources, record=record)
        for test in sorted({test for test in noticed.values() if test and "::" in test}):
            if run_tests([test], sources=sources, output=Path(folder, "output.txt")):
                print(f"fails without a fault: {test}", flush=True)
    for survivor in (name for name, test in noticed.items() if test is None):
        print(f"survivor {survivor}")
    print(f"{len(noticed)} mutants, {sum(test is None for test in noticed.values())} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
