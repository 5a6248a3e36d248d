"""What all tests share: where the official weights, photos and CamVid lie."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("untimed", settings.default, deadline=None)  # a machine may be busy
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test draws the same random numbers in every run."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002


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
