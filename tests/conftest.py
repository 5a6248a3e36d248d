"""What all tests share: where the official weights, photos and CamVid lie."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_sessionstart(session: pytest.Session) -> None:
    """Prepare what files of tests find when they are imported; the process that hands tests to others imports none."""
    if session.config.getoption("dist", "no") != "no":
        return
    from hypothesis import settings

    from torchvision_shim import declare_operators

    settings.register_profile("untimed", settings.default, deadline=None)  # a machine may be busy
    settings.load_profile("untimed")
    declare_operators()  # transformers imports torchvision where it finds it
    gc.disable()  # what is imported stays; looking through it again and again takes a fifth of the time


def pytest_collection_finish() -> None:
    """From here on, collections of garbage look through what tests make, not through everything that was imported.

    They come after 10 000 objects more, not after 700: looking through living networks took a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m gpu`, import only files that have such tests: the others need libraries that a GPU machine may lack."""
    if config.option.markexpr != "gpu" or collection_path.suffix != ".py":
        return None
    return "mark.gpu" not in collection_path.read_text() or None


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test draws the same random numbers in every run."""
    import torch

    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """Leave types unchecked, as outside of tests: for wrong types, and for compilers, which cannot trace the checks."""
    from jaxtyping import config as shape_checks

    shape_checks.update("jaxtyping_disable", True)
    yield
    shape_checks.update("jaxtyping_disable", False)


@pytest.fixture
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write their pages and pictures as a word: drawing takes longer than training a network of eight channels."""
    from atrous.training import run
    from fakes.run import write_nothing

    for name in ("write_report", "write_picture"):
        monkeypatch.setattr(run, name, write_nothing)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the checkout; its absence skips, or fails where ATROUS_REQUIRE_SHARED is set."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if (folder / "weights").is_dir():
        return folder
    message = f"no test data at {folder}; CONTRIBUTING.md, 'Test data', says where the files come from"
    if os.environ.get("ATROUS_REQUIRE_SHARED") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A headless Chromium of the system; its absence skips, or fails where ATROUS_REQUIRE_SHARED is set."""
    from playwright.sync_api import sync_playwright  # only these tests need it

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        message = "no Chromium on this machine; `make browser` installs it on Debian"
        if os.environ.get("ATROUS_REQUIRE_SHARED") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
