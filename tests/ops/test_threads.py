"""Work side by side."""

import multiprocessing
import threading

import pytest
import torch

from atrous.ops.threads import each


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_every_task_is_done_once(monkeypatch, threads, count):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    done, names = [], set()

    def work(task):
        done.append(task)
        names.add(threading.current_thread().name)

    for _ in range(3):
        each(work, range(count))
    assert sorted(done) == sorted([*range(count)] * 3)
    assert len(names) <= threads  # the same ones again and again


@pytest.mark.parametrize("threads", [1, 2])
def test_what_work_raises_is_raised(monkeypatch, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    with pytest.raises(ZeroDivisionError):
        each(lambda task: 1 // task, [2, 1, 0, 3])


def test_tasks_meet(monkeypatch):
    """Each waits for the other, so they must run at the same time."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    barrier = threading.Barrier(2, timeout=30)
    each(lambda _: barrier.wait() and None, [0, 1])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch):
    """As the workers of a data loader are; with its parent's it would wait for ever."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    each(id, [1, 2])
    context = multiprocessing.get_context("fork")
    child = context.Process(target=each, args=(id, [1, 2]))
    child.start()
    child.join(timeout=30)
    code = child.exitcode
    child.kill()
    assert code == 0
