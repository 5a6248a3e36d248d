"""The notebooks of `examples/` run from the first cell to the last, each in a process and a folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

CHECKS = {
    "own_data.ipynb": "assert run.miou > 0.5 and report.miou == run.miou and 0 < result.shares()['disc'] < 0.5",
    "own_loop.ipynb": """
assert losses[-1] < losses[0]
assert tuple(features.low.shape[2:]) == (17, 17) and tuple(features.middle.shape[2:]) == (9, 9)
assert tuple(features.high.shape[2:]) == (5, 5)
""",
}
"""What must hold after the last cell."""


def test_every_notebook_is_run():
    assert {path.name for path in EXAMPLES.glob("*.ipynb")} == set(CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_a_notebook_runs(name, tmp_path):
    cells = [cell for cell in json.loads((EXAMPLES / name).read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)
    code = "\n".join(["".join(cell["source"]) for cell in cells] + [CHECKS[name]])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
