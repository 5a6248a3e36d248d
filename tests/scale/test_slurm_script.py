"""The job for Slurm: shellcheck finds nothing, and a dry run starts what the page says."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "train.slurm"


def test_shellcheck_finds_nothing():
    tool = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([tool, SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def slurm(tmp_path):
    """Commands of Slurm that print what they are given; the list of nodes is longer than the room of a pipe."""
    for name, line in {"scontrol": "printf 'node%d\\n' {7..20000}", "srun": 'printf "%s\\n" "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    return {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_NUM_NODES": "2"}


def test_a_dry_run_starts_torchrun_on_every_node(slurm):
    variables = {**slurm, "SLURM_JOB_ID": "42", "SLURM_GPUS_ON_NODE": "4"}
    command = ["bash", SCRIPT, "my data", "run", "--batch-size", "64"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        *("torchrun", "--nnodes", "2", "--nproc-per-node", "4", "--max-restarts", "3", "--rdzv-id", "42"),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", "node7:29500"),
        *("-m", "atrous", "train", "my data", "--out", "run", "--batch-size", "64"),
    ]
    lacking = subprocess.run(["bash", SCRIPT, "data"], env=variables, capture_output=True, text=True)
    assert lacking.returncode != 0
    assert "usage: sbatch examples/train.slurm DATA RUN" in lacking.stderr
