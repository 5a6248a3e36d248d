"""The number of threads follows what other programs leave free; the machine is a folder of files here."""

import pytest
import torch

from atrous.ops.cpu import processor_load
from atrous.ops.cpu.processor_load import free_processors, limited_threads


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Sets running threads of the whole machine at each look, and the states of the process's own threads."""

    def describe(processors, *running, own="RS"):
        tasks = tmp_path / "task"
        for number, state in enumerate(own):
            (tasks / str(number)).mkdir(parents=True, exist_ok=True)
            (tasks / str(number) / "stat").write_text(f"{number} (a name) with R) {state} 1 1 1 0")
        looks = iter(running)

        read = processor_load._read

        def look(path):
            return b"9.00 9.00 9.00 %d/321 4567\n" % next(looks) if path == processor_load._LOAD else read(path)

        monkeypatch.setattr(processor_load, "_read", look)
        monkeypatch.setattr(processor_load, "_THREADS", str(tasks))
        monkeypatch.setattr("os.cpu_count", lambda: processors)

    return describe


@pytest.mark.parametrize(
    ("processors", "running", "own", "free"),
    [
        (2, [2], "RR", 2),  # both are ours
        (2, [3, 3, 3, 3], "RR", 1),  # one other program
        (2, [11, 12, 11, 11], "RS", 1),
        (2, [1], "RS", 2),
        (8, [8, 8, 8, 8], "RSSSSSSS", 1),
        (8, [9, 9, 9, 9], "RRRR", 3),
        (2, [5, 5, 1], "RS", 2),  # a short burst
        (2, [5, 3, 5, 5], "RR", 1),
    ],
)
def test_processors_that_other_programs_leave(machine, processors, running, own, free):
    machine(processors, *running, own=own)
    assert free_processors() == free


def test_a_system_without_these_files_uses_all(tmp_path, monkeypatch):
    monkeypatch.setattr(processor_load, "_LOAD", str(tmp_path / "absent"))
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert free_processors() == 6


@pytest.mark.parametrize(("free", "inside"), [(1, 1), (2, 2), (3, 3), (8, 3)])
def test_threads_are_those_of_torch_at_most_and_come_back(monkeypatch, free, inside):
    monkeypatch.setattr(processor_load, "free_processors", lambda: free)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with limited_threads():
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_single_thread_is_left_alone(monkeypatch):
    monkeypatch.setattr(processor_load, "free_processors", lambda: pytest.fail("there is nothing to choose"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with limited_threads():
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
