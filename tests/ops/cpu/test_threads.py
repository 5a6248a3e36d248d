"""Work side by side, in OpenMP's threads and in others."""

import multiprocessing
import sys
import threading

import pytest
import torch

from atrous.ops.cpu import threads
from atrous.ops.cpu.threads import parallel_for


@pytest.fixture(params=["OpenMP", "pool"], autouse=True)
def _way(request, monkeypatch):
    if request.param == "pool":
        monkeypatch.setattr(threads, "_open_mp", lambda: None)
    else:
        assert threads._open_mp() or sys.platform != "linux"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("tasks", [0, 1, 20])
def test_every_task_is_done_once(monkeypatch, count, tasks):
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    done, where = [], set()

    def work(task):
        done.append(task)
        where.add(threading.get_ident())

    for _ in range(3):
        parallel_for(work, range(tasks))
    assert sorted(done) == sorted([*range(tasks)] * 3)
    assert len(where) <= count  # the same ones again and again


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", [ZeroDivisionError, IndexError, KeyboardInterrupt])
def test_what_work_raises_is_raised(monkeypatch, count, kind):
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)

    def work(task):
        if task == 5:
            raise kind

    with pytest.raises(kind):
        parallel_for(work, range(20))


def test_tasks_meet(monkeypatch):
    """Each waits for the other, so they must run at the same time."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    barrier, met = threading.Barrier(2, timeout=30), []
    parallel_for(lambda _: met.append(barrier.wait()), [0, 1])
    assert sorted(met) == [0, 1]


def test_a_signal_that_is_lost_in_c_is_heard_of(monkeypatch):
    """An exception where C calls back never reaches the caller; some tasks may be undone."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(threads, "_open_mp", lambda: lambda _member, _data, _threads, _flags: None)
    with pytest.raises(KeyboardInterrupt):
        parallel_for(id, [1, 2])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_its_parents_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    parallel_for(id, [1, 2])
    child = multiprocessing.get_context("fork").Process(target=parallel_for, args=(id, [1, 2]))
    child.start()
    child.join(timeout=30)
    code = child.exitcode
    child.kill()
    assert code == 0
