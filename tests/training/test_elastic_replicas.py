"""Replicas under torch's elastic agent, which `torchrun` runs: killed and started anew; and more than at first."""

import functools
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed import HashStore
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from atrous.data.dataset import DataSet
from atrous.training import loop, run
from atrous.training.config import TrainConfig
from atrous.training.rendezvous import fresh_store
from atrous.training.replicas import Replicas, replicas_from_environment
from atrous.training.stages import Stage
from fakes.forkserver import forkserver
from fakes.replicas import in_replicas
from fakes.run import CPU, MODEL, changed, small_data, write_nothing
from fakes.soak import SOAK

KILLS = [(1, 3), (0, 5), (1, 8), (0, 9), (1, 13), (0, 15)] if SOAK else [(1, 3)]
"""Replica and iteration of the kill at each start; the start after the last one ends by itself."""

CONFIG = changed(
    model=replace(MODEL, head=replace(MODEL.head, dropout=0.0)),
    iterations=18 if SOAK else 5,
    batch_size=4,
    learning_rate=0.02,
    norm_momentum=0.7,
    validate_every=100,
    replicas=2,
)


def train_to(stop: int, replicas: Replicas, folder: Path, config: TrainConfig, data: DataSet) -> bool:
    """Train in float64 in `folder`, saving after every step; returns True once `stop` steps are done."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    loop.SAVE_SECONDS = 0.0
    run.write_report = run.write_picture = run.write_batch = write_nothing
    stage = Stage(config, data, None, run.Run(folder, settings={"training": config}))
    state = stage.fresh_state(device=CPU)
    stage.resume(state, replicas=replicas)
    return any(event.iteration == stop for event in stage.events(state, device=CPU, replicas=replicas))


def train_and_die(folder: Path, config: TrainConfig, data: DataSet, kills: list[tuple[int, int]]) -> None:
    """Train as the agent says; at each start but the last, a replica is killed in the middle of a step."""
    replicas, start = replicas_from_environment(), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    rank, iteration = kills[start] if start < len(kills) else (-1, -1)
    with replicas.process_group(CPU):
        if train_to(iteration if rank == replicas.rank else -1, replicas, folder, config, data):
            os.kill(os.getpid(), signal.SIGKILL)


def train_in(replicas: Replicas, *arguments, stop: int = -1) -> dict[str, torch.Tensor]:
    train_to(stop, replicas, *arguments)
    return {}


def losses(folder: Path) -> list[tuple[int, float]]:
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(record["iteration"], record["loss"]) for record in records]


def assert_same_run(ours: Path, theirs: Path) -> None:
    """Compare every step's loss, and weights and momentum at the end."""
    assert [iteration for iteration, _ in losses(ours)] == list(range(1, CONFIG.iterations + 1))
    torch.testing.assert_close(torch.tensor(losses(ours)), torch.tensor(losses(theirs)), rtol=0, atol=1e-8)
    found, expected = (load_file(folder / "state.safetensors") for folder in (ours, theirs))
    assert any(name.startswith("momentum.") for name in found)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


@pytest.fixture
def signals():
    """The agent handles signals its own way and leaves it so."""
    before = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    }
    forkserver()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A folder with `data`, and the `run` of one process on it that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    alone, data = replace(CONFIG, replicas=1), small_data(folder / "data")
    in_replicas(train_in, folder / "log", folder / "run", alone, data, size=1)
    return folder


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.usefixtures("signals")
def test_killed_and_restarted_by_the_agent_has_the_undisturbed_losses(undisturbed, tmp_path):
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id="killed",
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=len(KILLS),
        start_method="forkserver",
        monitor_interval=0.1,
    )
    elastic_launch(settings, train_and_die)(tmp_path / "killed", CONFIG, small_data(undisturbed / "data"), KILLS)
    assert_same_run(tmp_path / "killed", undisturbed / "run")


@pytest.mark.slow
def test_more_processes_go_on_with_the_schedule_and_order_of_one(undisturbed, tmp_path):
    alone, out, data = replace(CONFIG, replicas=1), tmp_path / "grown", small_data(undisturbed / "data")
    in_replicas(functools.partial(train_in, stop=3), tmp_path / "log", out, alone, data, size=1)
    assert losses(out)[-1][0] == 3
    in_replicas(train_in, tmp_path / "log", out, CONFIG, data)
    assert_same_run(out, undisturbed / "run")
    assert json.loads((out / "config.json").read_text())["training"]["replicas"] == 2


def test_a_store_with_remains_of_an_earlier_start_brings_the_living_together():
    store, timeout = HashStore(), timedelta(seconds=20)
    store.set("atrous/leader", "ended")
    store.set("atrous/ended/1", "replica 1 of then")
    store.set("atrous/ended/1/seen", "replica 1 of then")
    with ThreadPoolExecutor() as pool:
        others = [pool.submit(fresh_store, store, rank=rank, size=3, timeout=timeout) for rank in (1, 2)]
        fresh_store(store, rank=0, size=3, timeout=timeout).set("address", "new")
        assert [other.result().get("address") for other in others] == [b"new", b"new"]
    assert not store.check(["address"])


@pytest.mark.parametrize(("rank", "missing"), [(0, 1), (1, 0)])
def test_who_never_comes_is_waited_for_no_longer_than_the_timeout(rank, missing):
    with pytest.raises(RuntimeError, match=f"^replica {missing} has not started$"):
        fresh_store(HashStore(), rank=rank, size=2, timeout=timedelta(seconds=0.1))
