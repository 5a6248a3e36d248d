"""Commands and code of README and documentation run, on tiny data, or carry a mark that says why not.

A mark is an HTML comment before a block, `<!-- not run: REASON -->`; `<!-- excerpt: FILE -->` is before lines
of our code. Training is cut to one step of tiny crops, of a narrow network where none is named, and plots are small;
all else is as it is shown.
"""

import contextlib
import io
import re
import shlex
import shutil
import tomllib
from functools import partial
from pathlib import Path

import pytest
import torch

import atrous
from atrous.cli.main import main
from fakes.shown_files import write_files

ROOT = Path(__file__).resolve().parents[1]
RUN = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/howto").glob("*.md")),
    *sorted((ROOT / "docs/move").glob("*.md")),
    *sorted((ROOT / "docs/understand").glob("*.md")),
]
BLOCK = re.compile(
    r"(?:<!-- (not run|excerpt): ([^>]*) -->\n)?^```(sh|python|toml)\n(.*?)^```", re.DOTALL | re.MULTILINE
)
MARKS = {
    "other project": 28,  # what code of other libraries looked like before
    "download": 6,
    "published data": 11,
    "long": 16,
    "service": 7,
    "GPU": 1,
    "trained weights": 2,  # whose labels have several classes
    "several processes": 2,
    "needs a camera": 1,
}
"""Number of blocks that are not run, by reason."""
SHORT = {
    "--iterations": ["1"],
    "--crop": ["33", "33"],
    "--batch-size": ["2"],
    "--validate-every": ["1"],
    "--unfold-images": ["1"],
    "--workers": ["0"],
    "--device": ["cpu"],
}
"""What replaces the options of `atrous train`."""
TINY = ["--model", "deeplabv3_mobilenet_v2", "--depth-multiplier", "0.1", "--backbone-weights", "None"]
"""Options where a command leaves the network to the recipe."""
SPELLINGS = {"--epochs", "--batch", *SHORT}
SMALL = {
    "iterations": 1,
    "crop": (33, 33),
    "batch_size": 2,
    "validate_every": 1,
    "unfold_images": 1,
    "workers": 0,
    "device": "cpu",
}


TRAINED = {}
"""Run folder of each command that has trained, which pytest keeps until the end."""


def blocks(page):
    """(mark, reason, language, text) of every block of a page."""
    return [match.groups() for match in BLOCK.finditer(page.read_text())]


def commands(text):
    """The commands of a shell block."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def shortened(words):
    """The options of `atrous train` with those of SHORT in their places."""
    kept, skipping = [], False
    for word in words:
        skipping = word.partition("=")[0] in SPELLINGS if word.startswith("--") else skipping
        if not skipping:
            kept.append(word)
    if not {"--model", "--backbone-weights"} & set(words):
        kept += TINY
    return [*kept, *(word for option, values in SHORT.items() for word in (option, *values))]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    return folder


@pytest.fixture
def workplace(files, tmp_path, monkeypatch):
    """A folder with these files, in which training is short."""
    for path in files.iterdir():
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name)
        else:
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(atrous, "train", partial(train_shortly, atrous.train))
    return tmp_path


def train_shortly(train, data, *, out, **settings):
    """`atrous.train` anew in its folder, with the settings of SMALL."""
    shutil.rmtree(out, ignore_errors=True)
    kept = {name: value for name, value in settings.items() if name not in {*SMALL, "epochs"}}
    if not {"model", "backbone_weights"} & set(kept):
        kept |= {"model": "deeplabv3_mobilenet_v2", "depth_multiplier": 0.1, "backbone_weights": None}
    return train(data, out=out, **kept | SMALL)


def train_once(words, *, out):
    """Run `atrous train` anew, or take the run of a page that shows the same command."""
    shutil.rmtree(out, ignore_errors=True)
    if (run := TRAINED.get(shlex.join(words))) and run.exists():
        shutil.copytree(run, out)
        return
    assert main(["train", *shortened(words)]) == 0
    TRAINED[shlex.join(words)] = Path(out).resolve()


def run_command(words):
    """Run a command of ours in this process; of others, check what can be checked."""
    match words:
        case ["atrous", "train", *rest]:
            train_once(rest, out=rest[rest.index("--out") + 1])
        case ["atrous", "info", *rest] if "--plot" in rest:
            assert main(["info", *rest, "--size", "129"]) == 0
        case ["atrous", *rest]:
            assert main(rest) == 0
        case ["make", target]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        case ["pip", "install", name]:
            extra = re.fullmatch(r"(?:atrous|\.)(?:\[(.*)\])?", name)
            known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert extra
            assert set((extra[1] or "").split(",")) <= {*known, ""}
        case _:
            pytest.fail(f"no way to run {shlex.join(words)}: mark it")


def run_page(page):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 65, 65), dtype=torch.uint8)
    names = {"atrous": atrous, "images": images, "masks": torch.randint(0, 3, (2, 65, 65))}
    for mark, reason, language, text in blocks(page):
        if mark == "excerpt":
            source = " ".join((ROOT / "src/atrous" / reason).read_text().split())
            assert " ".join(text.split()) in source, f"{page.name}: {reason} no longer has\n{text}"
        elif mark is None and language == "toml":
            tomllib.loads(text)
        elif mark is None and language == "python":
            exec(compile(text, f"{page.name}", "exec"), names)
        elif mark is None:
            for words in commands(text):
                with contextlib.redirect_stdout(io.StringIO()):
                    run_command(words)


@pytest.mark.slow
@pytest.mark.usefixtures("workplace", "nothing_drawn")
@pytest.mark.parametrize("page", RUN, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_what_a_page_shows_runs(page):
    run_page(page)


def test_marks_are_counted():
    """A block that is not run needs one of these reasons; a further one is a change of this table."""
    found = {}
    for page in RUN:
        for mark, reason, _, _ in blocks(page):
            if mark == "not run":
                found[reason] = found.get(reason, 0) + 1
    assert found == MARKS
