"""What all tests share: where the official weights, photos and CamVid lie."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the checkout; its absence skips, or fails where ATROUS_REQUIRE_SHARED is set."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if (folder / "weights").is_dir():
        return folder
    message = f"no test data at {folder}; README.md, 'Test data', says where the files come from"
    if os.environ.get("ATROUS_REQUIRE_SHARED") == "1":
        pytest.fail(message)
    pytest.skip(message)
