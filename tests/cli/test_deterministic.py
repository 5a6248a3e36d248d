"""`atrous train --deterministic`: the same bits whatever the number of threads and of processes that load data."""

import json

import pytest
import torch
from safetensors.torch import load_file

from atrous.cli.main import main
from fakes.camvid import fake_camvid

pytestmark = pytest.mark.usefixtures("nothing_drawn")

TINY = (
    "--recipe scenes --device cpu --iterations 2 --norm-momentum 0.9 --validate-every 2 --crop 65 65 "
    "--depth-multiplier 0.25 --aspp-channels 32 --batch-size 2"
)


@pytest.mark.slow
def test_threads_and_workers_do_not_change_a_bit(tmp_path):
    data, before = fake_camvid(tmp_path / "data"), torch.get_num_threads()
    for threads, workers in ((1, 0), (3, 2)):
        torch.set_num_threads(threads)
        out = tmp_path / f"run{threads}"
        command = ["train", str(data), "--out", str(out), *TINY.split(), "--workers", str(workers), "--deterministic"]
        try:
            assert main(command) == 0
            assert torch.get_num_threads() == 1
        finally:
            torch.set_num_threads(before)
        losses = [json.loads(line).get("loss") for line in (out / "metrics.jsonl").read_text().splitlines()]
        assert any(losses)
    first, second = (load_file(tmp_path / name / "state.safetensors") for name in ("run1", "run3"))
    assert any(name.startswith("momentum.") for name in first)
    assert [name for name, value in first.items() if not torch.equal(value, second[name])] == []
