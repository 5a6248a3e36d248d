"""Requests of mixed sizes from 1, 8 and 64 clients on one machine, against a bare loop of the predictor.

    python scripts/soak/load.py [--seconds 30]

Prints images per second and latencies, then the latencies at half of the bare loop's rate, and the answers while a
decoder is killed every half second. At half the rate requests come at even distances, and at random ones, where even a
server that answered each one as quickly as a single request, one after the other, would let one in a hundred wait for
more than two others.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np

sys.path.insert(0, __file__.rpartition("/soak/")[0])
from soak_server import WEIGHTS, metric, picture, server

SIZES = ((240, 320), (360, 480), (320, 240), (360, 480))
FILES = [picture(height, width, seed=seed) for seed, (height, width) in enumerate(SIZES * 4)]


def bare_loop(seconds: float) -> float:
    """Images per second of a loop that decodes, predicts and encodes, in this process."""
    from atrous.inference.predictor import Predictor
    from atrous.serving.answers import label_png

    predictor = Predictor(WEIGHTS)
    predictor(FILES[0])
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        result = predictor(FILES[count % len(FILES)])
        label_png(result.labels, result.space)
        count += 1
    return count / (time.perf_counter() - started)


class Clients:
    """Clients that send one request after the other, at once or at the rate that is given for all of them together.

    Args:
        address: Address of the server.
        clients: Number of clients.
        seconds: Time after which no further request is sent.
        rate: Requests per second; None: as many as are answered.
        even: If true, requests come at even distances instead of random ones.
    """

    def __init__(
        self, address: str, *, clients: int, seconds: float, rate: float | None = None, even: bool = False
    ) -> None:
        self.statuses, self.latencies = Counter[str](), list[float]()
        self._address, self._until = address, time.perf_counter() + seconds
        self._pause, self._even = None if rate is None else clients / rate, even
        started = self._started = time.perf_counter()
        with ThreadPoolExecutor(clients) as threads:
            for done in [threads.submit(self._run, number, number / clients) for number in range(clients)]:
                done.result()
        self.per_second = len(self.latencies) / (time.perf_counter() - started)

    def _run(self, number: int, phase: float) -> None:
        rng = np.random.default_rng(number)
        due = self._started + phase * (self._pause or 0)
        with httpx.Client(timeout=120) as client:
            while time.perf_counter() < self._until:
                if self._pause is not None and self._even:
                    time.sleep(max(due - time.perf_counter(), 0))
                    due += self._pause
                elif self._pause is not None:
                    time.sleep(rng.exponential(self._pause))
                sent = time.perf_counter()
                try:
                    file = FILES[rng.integers(len(FILES))]
                    answer = client.post(f"{self._address}/v1/segment?output=labels", content=file)
                except httpx.HTTPError as error:
                    self.statuses[type(error).__name__] += 1
                    continue
                self.statuses[str(answer.status_code)] += 1
                if answer.status_code == 200:
                    self.latencies.append(time.perf_counter() - sent)
                elif answer.status_code == 503:
                    time.sleep(float(answer.headers["retry-after"]))

    def __str__(self) -> str:
        p50, p90, p99 = np.percentile(self.latencies, (50, 90, 99)) * 1000
        shown = f"{self.per_second:6.2f} images/s, ms p50 {p50:.0f}, p90 {p90:.0f}, p99 {p99:.0f}"
        return f"{shown}, answers {dict(self.statuses)}"


def kill_decoders(pid: int, stop: threading.Event) -> int:
    """Kill a decoding process of a server every half second until the event; returns how many."""
    killed = 0
    while not stop.wait(0.5):
        command = ["pgrep", "-P", str(pid), "-f", "decoding_worker"]
        for child in subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()[:1]:
            os.kill(int(child), signal.SIGKILL)
            killed += 1
    return killed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    seconds = parser.parse_args().seconds
    with open("/proc/loadavg") as file:
        print(f"{os.cpu_count()} processors, load before {file.read().split()[0]}", flush=True)
    bare = bare_loop(seconds)
    print(f"bare loop   {bare:6.2f} images/s", flush=True)
    with server() as (address, pid):
        for clients in (1, 8, 64):
            found = Clients(address, clients=clients, seconds=seconds)
            print(f"{clients:2} clients  {found}, {found.per_second / bare:.0%} of the bare loop", flush=True)
        for even, gaps in ((True, "even"), (False, "random")):
            half = Clients(address, clients=8, seconds=seconds, rate=bare / 2, even=even)
            print(f"half load, {gaps} distances  {half}", flush=True)
        stop = threading.Event()
        with ThreadPoolExecutor(1) as threads:
            killing = threads.submit(kill_decoders, pid, stop)
            found = Clients(address, clients=8, seconds=seconds)
            stop.set()
            print(f"decoders are killed ({killing.result()} times): {found}", flush=True)
        print(f"decoders replaced {metric(address, 'atrous_decoder_restarts_total'):.0f}")
    lost = sum(count for status, count in found.statuses.items() if status not in ("200", "503"))
    return int(lost > killing.result())


if __name__ == "__main__":
    sys.exit(main())
