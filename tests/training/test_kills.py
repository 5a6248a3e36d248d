"""Killed without warning, the same command again each time (in the long version up to twenty times): the same bits."""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from atrous.cli.main import main
from atrous.training import loop, run
from fakes.camvid import fake_camvid
from fakes.forkserver import forkserver
from fakes.run import write_nothing
from fakes.soak import SOAK

KILLS, STEPS, STEPS_OF_STAGE_2 = (20, 30, 20) if SOAK else (2, 15, 10)
SETTINGS = (
    f"--recipe scenes --device cpu --iterations {STEPS} --norm-momentum 0.3 --validate-every 10 --batch-size 2 "
    "--crop 17 17 --depth-multiplier 0.1 --aspp-channels 8 --jitter 0.1"
)


def command(log: Path, largest_file: int, *arguments: str) -> None:
    """`atrous train` in a process of its own that saves after every step and draws nothing."""
    sys.stdout = sys.stderr = log.open("a")
    loop.SAVE_SECONDS = 0.0
    run.write_report = run.write_picture = write_nothing
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    sys.exit(main(["train", *arguments]))


@pytest.fixture
def launch(tmp_path):
    """Starts the command on a tiny CamVid in a folder of `tmp_path`; processes share one import of torch."""
    context = forkserver()
    first = context.Process(target=int)  # it pays for importing torch
    first.start()
    first.join()
    data = fake_camvid(tmp_path / "data")

    def start(folder: str, *options: str, largest_file: int = 0):
        arguments = (str(data), "--out", str(tmp_path / folder), *SETTINGS.split(), *options)
        process = context.Process(target=command, args=(tmp_path / f"{folder}.log", largest_file, *arguments))
        process.start()
        return process

    return start


def finish(process, log: Path) -> None:
    process.join(timeout=600)
    assert process.exitcode == 0, log.read_text()


def assert_same_files(ours: Path, theirs: Path) -> None:
    names = ["state.safetensors", "last.safetensors", "best.safetensors"]
    folders = [Path(), Path("stage1")] if (theirs / "stage1").exists() else [Path()]
    for file in (folder / name for folder in folders for name in names):
        mine, other = load_file(ours / file), load_file(theirs / file)
        assert set(mine) == set(other)
        for name, tensor in mine.items():
            assert torch.equal(tensor, other[name]), (file, name)


def saved(folder: Path) -> dict[Path, int]:
    """When the states of a run were written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob(run.STATE_FILE)}


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize(
    "options",
    [
        f"--workers 0 --second-iterations {STEPS_OF_STAGE_2} --second-split train",
        "--workers 2 --class-crops 0.5 --accumulate 2",
    ],
    ids=["two stages", "loader processes"],
)
def test_kills_change_no_bit(options, launch, tmp_path):
    began = time.monotonic()
    finish(launch("whole", *options.split()), tmp_path / "whole.log")
    undisturbed = time.monotonic() - began

    generator, kills, met = np.random.default_rng(0), 0, 0
    while kills < KILLS:
        before = saved(tmp_path / "parts")
        process = launch("parts", *options.split())
        if kills % 2:  # while it trains; the others most often while it prepares
            while process.exitcode is None and saved(tmp_path / "parts") == before:
                time.sleep(0.01)
        process.join(timeout=generator.uniform(0, undisturbed / (20 if kills % 2 else 4)))
        if process.exitcode is not None:
            assert process.exitcode == 0, (tmp_path / "parts.log").read_text()
            break  # it came to its end between two kills
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills, met = kills + 1, met + (saved(tmp_path / "parts") != before)
    assert kills >= max(KILLS * 2 // 5, 1)
    assert met >= max(KILLS // 5, 1)  # of the kills, those that came after something new had been saved
    finish(launch("parts", *options.split()), tmp_path / "parts.log")
    assert_same_files(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_loses_nothing(launch, tmp_path):
    finish(launch("whole", "--workers", "0"), tmp_path / "whole.log")
    process, state = launch("parts", "--workers", "0"), tmp_path / "parts" / "state.safetensors"
    while not state.exists():
        assert process.exitcode is None, (tmp_path / "parts.log").read_text()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    kept, files = state.read_bytes(), {path.name for path in (tmp_path / "parts").rglob("*.safetensors")}
    (tmp_path / "parts.log").unlink()

    process = launch("parts", "--workers", "0", largest_file=len(kept) - 1)
    process.join(timeout=600)
    assert process.exitcode == 2
    *_, line = (tmp_path / "parts.log").read_text().splitlines()
    assert line.startswith(f"atrous train: cannot write {tmp_path / 'parts'}/")
    assert line.endswith("File too large; free some space or choose another output folder")
    assert state.read_bytes() == kept
    assert {path.name for path in (tmp_path / "parts").rglob("*.safetensors")} >= files
    assert not list((tmp_path / "parts").rglob("*.part*"))
    finish(launch("parts", "--workers", "0"), tmp_path / "parts.log")
    assert_same_files(tmp_path / "parts", tmp_path / "whole")
