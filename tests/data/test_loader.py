import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import atrous.data.loader as module
from atrous.data.cache import CachedDataSet
from atrous.data.dataset import DataSet, open_data
from atrous.data.loader import draw_generator, draw_index, training_batches
from atrous.data.published.camvid import open_camvid
from atrous.data.transforms.flip_and_color import RandomFlip
from atrous.data.transforms.scale_crop import ScaleCrop
from atrous.errors import InputError
from fakes.camvid import fake_camvid
from fakes.folder import fake_folder
from fakes.memory_data import MemoryData

TRANSFORMS = (ScaleCrop((9, 11), (1, 2, 3), 11), RandomFlip())


@pytest.fixture
def data(tmp_path) -> DataSet:
    return open_camvid(fake_camvid(tmp_path), split="train")


def batches(data, *, start=0, stop=5, **options):
    settings = {"batch_size": 3, "seed": 7, "workers": 0, **options}
    return list(training_batches(data, TRANSFORMS, start=start, stop=stop, **settings))


def equal(ours, theirs):
    return len(ours) == len(theirs) and all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and a.names == b.names
        for a, b in zip(ours, theirs, strict=True)
    )


def test_the_stream_is_the_same_for_any_workers_cache_and_resume(data):
    stream = batches(data)
    assert equal(batches(CachedDataSet(data)), stream)
    assert equal(batches(data, workers=2), stream)
    assert equal(batches(CachedDataSet(data), workers=1), stream)
    assert equal(batches(data, stop=2) + batches(data, start=2, workers=1), stream)
    assert not equal(batches(data, seed=8), stream)


def test_batches_are_the_draws_in_order(data):
    """Batch t, place i is draw 3 t + i: its sample, through the transforms with the draw's own generator."""
    for t, batch in enumerate(batches(data)):
        for i in range(3):
            draw = 3 * t + i
            sample = data[draw_index(seed=7, draw=draw, size=len(data))]
            generator = draw_generator(seed=7, draw=draw)
            for transform in TRANSFORMS:
                sample = transform(sample, generator)
            assert batch.names[i] == sample.name
            np.testing.assert_array_equal(batch.images[i].permute(1, 2, 0).numpy(), sample.image)
            np.testing.assert_array_equal(batch.labels[i].numpy(), sample.labels)


def test_every_epoch_is_a_new_permutation():
    epochs = [tuple(draw_index(seed=3, draw=20 * epoch + i, size=20) for i in range(20)) for epoch in range(50)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len(set(epochs)) == 50
    # Each sample comes first about as often as any other: 50 epochs, 20 samples, chi-square 0.999 quantile 43.8.
    first = np.bincount([epoch[0] for epoch in epochs], minlength=20)
    assert ((first - 2.5) ** 2 / 2.5).sum() < 43.8


def test_draws_have_independent_generators():
    values = np.array([draw_generator(seed=0, draw=draw).random() for draw in range(400)])
    assert len(np.unique(values)) == 400
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.15
    assert abs(values.mean() - 0.5) < 0.05


@pytest.mark.parametrize("workers", [0, 1])
def test_the_global_generators_are_left_alone(data, workers):
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    batches(data, workers=workers)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_memory_layout_and_types(data):
    batch = batches(data, stop=1)[0]
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert (batch.images.dtype, batch.labels.dtype) == (torch.uint8, torch.uint8)


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_files_keep_their_one_line_through_workers(tmp_path, workers):
    folder = fake_folder(tmp_path)
    data = open_data(folder, split="train")
    (folder / "images" / f"{data.names[0]}.jpg").write_text("broken")
    with pytest.raises(InputError) as error:
        batches(data, workers=workers)
    assert str(error.value).startswith(f"{folder}/images/{data.names[0]}.jpg is not a picture")
    assert "\n" not in str(error.value)


def test_a_cache_reads_every_file_once_and_without_one_every_draw_reads(data):
    reads = []

    class Counting(MemoryData):
        def __getitem__(self, index):
            reads.append(index)
            return data[index]

    counting = Counting(data.labels, tuple(data))
    assert len(batches(CachedDataSet(counting), stop=20)) == 20
    assert sorted(reads) == list(range(len(data)))
    reads.clear()
    assert len(batches(counting, stop=20)) == 20
    assert len(reads) == 20 * 3


def test_cache_stops_at_its_limit_and_reads_the_rest(data):
    size = data[0].image.nbytes + data[0].labels.nbytes
    cached = CachedDataSet(data, limit=2 * size)
    assert cached[1] is cached[1]
    assert cached[2] is not cached[2]
    for index in range(len(data)):
        np.testing.assert_array_equal(cached[index].image, data[index].image)
        np.testing.assert_array_equal(cached[index].labels, data[index].labels)
    assert (cached.names, cached.labels, cached.describe()) == (data.names, data.labels, data.describe())


def test_cached_arrays_cannot_be_changed_by_a_transform(data):
    with pytest.raises(ValueError, match="read-only"):
        CachedDataSet(data)[0].image[0, 0] = 0


def test_an_empty_data_set_is_refused(data):
    empty = type(data)(**{**vars(data), "pairs": ()})
    with pytest.raises(InputError, match="no images"):
        batches(empty)


class _Deadly(MemoryData):
    """Data whose reading kills the process that reads, as the system does when memory ends."""

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_one_line(data):
    with pytest.raises(InputError, match=r"a process that loads data was killed.*lower --workers \(1\)"):
        batches(_Deadly(data.labels, (data[0],)), workers=1)


def test_workers_are_as_many_as_shared_memory_has_room_for(data, tmp_path, monkeypatch, caplog):
    """A batch is 3 x 9 x 11 pixels of three bytes and a label; each worker makes two, and two are with the caller."""
    monkeypatch.setattr(module, "SHARED_MEMORY", tmp_path)
    for room, workers in ((8 * 1188, 3), (6 * 1188, 2), (5 * 1188, 1), (2 * 1188, 0)):
        usage = shutil.disk_usage(tmp_path)._replace(free=room)
        monkeypatch.setattr(module.shutil, "disk_usage", lambda _path, usage=usage: usage)
        caplog.clear()
        assert equal(batches(data, workers=3), batches(data))
        assert [f"{workers} of 3 workers load data" in line for line in caplog.messages] == [True] * (workers < 3)


SMALL_SHARED_MEMORY = """
import logging, numpy as np
from atrous.data.loader import training_batches
from atrous.data.sample import Sample
from fakes.memory_data import MemoryData
from atrous.labels import LabelSpace
logging.basicConfig(format="%(message)s")
picture = np.arange(512 * 512 * 3, dtype=np.uint8).reshape(512, 512, 3)
samples = tuple(Sample(f"s{n}", picture, picture[..., 0] % 2) for n in range(4))
data = MemoryData(LabelSpace(("a", "b")), samples)
settings = dict(batch_size=4, seed=0, start=0, stop=6)
print(sum(int(batch.images.sum()) for batch in training_batches(data, (), workers=4, **settings)) // 6)
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root mounts a small /dev/shm")
def test_a_small_shared_memory_is_told_and_training_goes_on():
    """A batch has 4 MiB; 17 MiB hold two with the caller and two of one worker. Docker's has 64 MiB."""
    paths = os.pathsep.join([str(Path(module.__file__).parents[2]), str(Path(__file__).parents[1])])
    command = 'mount -t tmpfs -o size=17m tmpfs /dev/shm && exec "$0" -c "$1"'
    answer = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, sys.executable, SMALL_SHARED_MEMORY],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    if "mount: " in answer.stderr:
        pytest.skip("mounting is not allowed here")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("\n") == 1
    assert "/dev/shm has room for 17 MiB and a batch takes 4.0 MiB: 1 of 4 workers load data" in answer.stderr
    assert int(answer.stdout) == 4 * sum(range(256)) * 512 * 512 * 3 // 256


def test_a_batch_that_does_not_come_is_one_line(data, monkeypatch):
    class Stuck(MemoryData):
        def __getitem__(self, index):
            time.sleep(2)
            return super().__getitem__(index)

    monkeypatch.setattr(module, "LATE_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"no batch for 0.2 s: .*--workers 0 loads without them"):
        batches(Stuck(data.labels, (data[0],)), workers=1)


ORPHANED = """
import os, signal, sys
import numpy as np
from fakes.memory_data import MemoryData
from atrous.data.loader import training_batches
from atrous.data.sample import Sample
from atrous.labels import LabelSpace
picture = np.zeros((16, 16, 3), np.uint8)
data = MemoryData(LabelSpace(("a", "b")), tuple(Sample(f"s{n}", picture, picture[..., 0]) for n in range(4)))
for batch in training_batches(data, (), workers=2, batch_size=2, seed=0, start=0, stop=10**6):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_after_their_parent_was_killed():
    """A worker keeps the pipe of its standard error open for as long as it lives."""
    paths = os.pathsep.join([str(Path(module.__file__).parents[2]), str(Path(__file__).parents[1])])
    answer = subprocess.run(  # returns when the last process that can write to the pipe has ended
        [sys.executable, "-c", ORPHANED], stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert answer.returncode == -signal.SIGKILL, answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("workers", [-1, 100000])
def test_a_slip_of_the_hand_starts_no_thousand_processes(data, workers):
    with pytest.raises(InputError, match=rf"--workers {workers} is out of reach"):
        batches(data, workers=workers)


def answering(pipe):
    """A worker that answers until it is ended."""
    module._start_worker(0)
    while True:
        pipe.send(pipe.recv())


def test_workers_leave_signals_to_their_parent_and_end_by_its_own():
    ours, theirs = multiprocessing.Pipe()
    worker = multiprocessing.get_context("fork").Process(target=answering, args=(theirs,), daemon=True)
    worker.start()
    try:
        for name in ("ready", "INT", "TERM", "TERM"):  # of another process, as a job scheduler sends them
            if name != "ready":
                subprocess.run(["sh", "-c", f"kill -{name} {worker.pid}"], check=True)
            ours.send(name)
            assert ours.poll(60)
            assert ours.recv() == name
        worker.terminate()
        worker.join(60)
        assert worker.exitcode == 0
    finally:
        worker.kill()


STILL_OPEN = """
import sys
from pathlib import Path
from atrous.data.loader import training_batches
from atrous.data.published.camvid import open_camvid
data = open_camvid(Path(sys.argv[1]), split="train")
stream = training_batches(data, (), batch_size=1, seed=0, start=0, stop=9, workers=1)
print(len(next(stream).names), flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["raise ValueError('of the user')", "pass"])
def test_python_ends_although_something_still_refers_to_a_stream(end, tmp_path):
    """The traceback of an error refers to its frames; the time is a limit for a process that would never end."""
    command = [sys.executable, "-c", STILL_OPEN.format(end=end), str(fake_camvid(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "1\n"
    assert done.returncode == (0 if end == "pass" else 1)
    assert ("ValueError: of the user" in done.stderr) == (end != "pass")
