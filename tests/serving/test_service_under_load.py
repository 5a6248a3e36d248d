"""Bounds and deadlines of the queue, batches, decoders that die, and the end of a server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import numpy as np
import pytest
import torch
from tiny_service import encoded_as, picture

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.serving.decoding import DecodingPool
from atrous.serving.memory_budget import MemoryBudget
from atrous.serving.metrics import Metrics
from atrous.serving.queueing import Job, Queue
from atrous.serving.request_error import RequestError
from atrous.serving.thread_shares import ThreadShares
from atrous.weights.archive import save


class Gate(Predictor):
    """Waits before each batch, notes its length, and refuses batches with an image that is white."""

    def __init__(self, archive):
        super().__init__(archive)
        self.lengths, self.entered, self.opened = [], threading.Event(), threading.Event()

    def predict_batch(self, arrays, *, probabilities=False):
        self.lengths.append(len(arrays))
        self.entered.set()
        self.opened.wait(20)
        if any(array.min() == 255 for array in arrays):
            raise InputError("white")
        return super().predict_batch(arrays, probabilities=probabilities)


@pytest.fixture
def gate(archives):
    return Gate(archives[0])


@pytest.fixture
def queue():
    queue = Queue(capacity=8, metrics=Metrics())
    yield queue
    queue.close()


def test_ready_means_that_nothing_is_prepared_any_more(service, monkeypatch):
    """Several scales compile functions of their own, for many seconds where the compiler's cache is empty."""
    jobs, submit, predict = [], service.queue.submit, Predictor.predict_batch

    def noted(one):
        jobs.append(one)
        submit(one)

    def slow(predictor, arrays, **options):
        time.sleep(0.3 if len(predictor.scales) > 1 else 0)
        return predict(predictor, arrays, **options)

    monkeypatch.setattr(service.queue, "submit", noted)
    monkeypatch.setattr(Predictor, "predict_batch", slow)
    service.warm_up()
    assert sorted(len(one.predictor.scales) for one in jobs) == [1, 1, 2, 2]
    assert all(one.result.done() for one in jobs)


def job(gate, image, *, seconds=30.0):
    return Job(gate, image, probabilities=False, deadline=time.monotonic() + seconds)


def test_waiting_images_of_one_size_are_computed_together_in_their_order(gate, queue, archives):
    first = queue.submit(job(gate, picture(32, 32)))
    gate.entered.wait(20)
    images = [picture(32, 32, seed=1), picture(24, 40), picture(32, 32, seed=2), picture(24, 40, seed=3)]
    futures = [queue.submit(job(gate, image)) for image in images]
    gate.opened.set()
    plain = Predictor(archives[0])
    for image, future in zip(images, futures, strict=True):
        assert np.array_equal(future.result(30).result.labels, plain(image).labels)
    assert gate.lengths == [1, 2, 2]
    assert first.result().batch == 1
    assert futures[0].result().batch == 2


def test_one_image_that_fails_leaves_the_others_of_its_batch(gate, queue, archives):
    queue.submit(job(gate, picture(32, 32)))
    gate.entered.wait(20)
    good, white = picture(24, 24), np.full((24, 24, 3), 255, np.uint8)
    futures = [queue.submit(job(gate, image)) for image in (good, white, good)]
    gate.opened.set()
    assert np.array_equal(futures[0].result(30).result.labels, Predictor(archives[0])(good).labels)
    assert futures[2].result(30).batch == 1
    with pytest.raises(RequestError, match="white") as caught:
        futures[1].result(30)
    assert caught.value.status == 422


def test_a_full_queue_refuses_and_an_image_that_waited_too_long_is_not_computed(gate, queue):
    queue.submit(job(gate, picture(32, 32)))
    gate.entered.wait(20)
    late = queue.submit(job(gate, picture(24, 24), seconds=0))
    cancelled = queue.submit(job(gate, picture(16, 24)))
    cancelled.cancel()
    for _ in range(6):
        queue.submit(job(gate, picture(32, 32)))
    with pytest.raises(RequestError, match="8 images wait already") as caught:
        queue.submit(job(gate, picture(32, 32)))
    assert (caught.value.status, caught.value.code) == (503, "busy")
    assert caught.value.retry_after >= 1
    gate.opened.set()
    with pytest.raises(RequestError, match="longer than its deadline"):
        late.result(30)
    queue.close()
    assert gate.lengths == [1, 6]
    with pytest.raises(RequestError, match="shutting down"):
        queue.submit(job(gate, picture(32, 32)))


class Together(Predictor):
    """Notes the threads of each batch; those of two images are computed when there are two such batches at a time."""

    def __init__(self, archive):
        super().__init__(archive)
        self.threads, self.both = [], threading.Barrier(2)

    def predict_batch(self, arrays, *, probabilities=False):
        self.threads.append(torch.get_num_threads())
        if len(arrays) == 2:
            self.both.wait(20)
        return super().predict_batch(arrays, probabilities=probabilities)


@pytest.fixture
def queue_of_two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    queue = Queue(capacity=8, metrics=Metrics())
    torch.set_num_threads(before)
    yield queue
    queue.close()


def test_a_batch_has_all_threads_unless_others_wait(queue_of_two_threads, archives):
    queue, predictor, first = queue_of_two_threads, Together(archives[0]), Gate(archives[1])
    queue.submit(job(predictor, picture(32, 32))).result(30)
    assert predictor.threads == [2]
    queue.submit(job(first, picture(32, 32)))
    first.entered.wait(20)
    images = [picture(24, 40, seed=1), picture(24, 40, seed=2), picture(40, 24, seed=3), picture(40, 24, seed=4)]
    futures = [queue.submit(job(predictor, image)) for image in images]
    first.opened.set()
    plain = Predictor(archives[0])
    for image, future in zip(images, futures, strict=True):
        assert np.array_equal(future.result(30).result.labels, plain(image).labels)
    assert predictor.threads == [2, 1, 1]


def test_threads_are_divided_among_at_most_four_batches(monkeypatch):
    monkeypatch.setattr("atrous.serving.thread_shares.torch.get_num_threads", lambda: 18)
    shares = ThreadShares()
    assert shares.most_batches == 4
    assert shares.take(1, waiting=1, alone=False) == 0, "only the first thread of the network computes with all"
    assert shares.take(0, waiting=1, alone=False) == 18
    assert shares.take(1, waiting=5, alone=False) == 0
    shares.give_back()
    assert [shares.take(number, waiting=5, alone=False) for number in (2, 0)] == [4, 4]
    assert shares.take(1, waiting=1, alone=False) == 4
    assert shares.take(3, waiting=1, alone=True) == 0
    for _ in range(3):
        assert shares.take(0, waiting=1, alone=True) == 0
        shares.give_back()
    assert shares.take(0, waiting=3, alone=True) == 18


def test_requests_over_the_bound_are_refused_before_their_body(client, service, monkeypatch):
    monkeypatch.setattr(service, "open_requests", service.limits.queue)
    body = (pytest.fail("the body was read") for _ in range(1))
    response = client.post("/v1/segment", content=body)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(service, "draining", True)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_memory_beyond_the_budget_is_refused_and_given_back():
    budget = MemoryBudget(100)
    with budget.share() as one, budget.share() as other:
        one.take(60)
        with pytest.raises(RequestError) as caught:
            other.take(50)
        assert caught.value.status == 503
        other.take(40)
        assert budget.held == 100
    assert budget.held == 0


@pytest.fixture
def pool():
    pool = DecodingPool(workers=1, max_pixels=10_000, seconds=1.5, metrics=Metrics())
    yield pool
    pool.close()


def decode(pool, content):
    return pool.decode(content, ranges=(), deadline=time.monotonic() + 30)[0]


def test_a_decoder_that_is_killed_is_replaced_and_its_picture_decoded_by_the_next(pool):
    image = picture(24, 24)
    content = encoded_as(image)
    assert np.array_equal(decode(pool, content), image)
    os.kill(pool.pids()[0], signal.SIGSTOP)
    with ThreadPoolExecutor() as threads:
        held = threads.submit(decode, pool, content)
        time.sleep(0.2)
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        assert np.array_equal(held.result(30), image)
    assert pool.pids() != [pid]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, 503), (signal.SIGSEGV, 422)])
def test_a_picture_whose_decoders_all_die_is_refused_or_sent_again(pool, number, status):
    decode(pool, encoded_as(picture(8, 8)))
    with ThreadPoolExecutor() as threads:
        os.kill(pool.pids()[0], signal.SIGSTOP)
        held = threads.submit(decode, pool, encoded_as(picture(8, 8)))
        seen = set()
        while not held.done():
            for pid in {*pool.pids()} - seen:
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)
                seen.add(pid)
            time.sleep(0.005)
    with pytest.raises(RequestError) as caught:
        held.result()
    assert caught.value.status == status
    assert len(seen) >= 3  # perhaps also the last one, which has nothing to do
    assert decode(pool, encoded_as(picture(8, 8))).shape == (8, 8, 3)


def test_a_picture_that_takes_too_long_is_given_up(pool):
    decode(pool, encoded_as(picture(8, 8)))
    os.kill(pool.pids()[0], signal.SIGSTOP)
    with pytest.raises(RequestError, match="takes too long") as caught:
        decode(pool, encoded_as(picture(8, 8)))
    assert caught.value.status == 422
    assert decode(pool, encoded_as(picture(8, 8))).shape == (8, 8, 3)


def test_decoding_stays_below_its_limit_of_memory():
    large = encoded_as(np.zeros((3000, 3000, 3), np.uint8))
    request = {"bytes": len(large), "max_pixels": 10_000_000, "ranges": []}
    command = [sys.executable, "-m", "atrous.serving.decoding_worker", str(2**24)]
    asked = json.dumps(request).encode() + b"\n" + large
    answer = subprocess.run(command, input=asked, capture_output=True, check=True).stdout
    ready, line = answer.splitlines()
    assert ready == b"ready"
    assert "memory" in json.loads(line)["error"]


def test_sigterm_lets_a_server_answer_what_it_has_accepted(archives, tmp_path):
    save(tmp_path / "tiny.safetensors", archives[0].model, labels=archives[0].labels)
    command = [sys.executable, "-m", "atrous", "serve", f"street={tmp_path}/tiny.safetensors", "--port", "0"]
    command += ["--decoders", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        lines = [server.stdout.readline() for _ in range(3)]
        assert lines[0] == "model    street (5 classes, cpu, float32)\n"
        address = lines[1].split()[1]
        assert httpx.get(f"{address}readyz").json() == {"status": "ready"}
        with ThreadPoolExecutor() as threads:
            post = partial(httpx.post, f"{address}v1/segment?output_stride=4", timeout=60)
            last = threads.submit(post, content=encoded_as(picture(300, 300)))
            while not last.done() and "atrous_open_requests 1" not in httpx.get(f"{address}metrics").text:
                time.sleep(0.01)
            server.send_signal(signal.SIGTERM)
            assert last.result().status_code == 200
        assert server.wait(30) == 0
        assert server.stderr.read() == ""
