"""The service on Ray under load: weights that are replaced without a failed request, then more requests than fit.

The port is 8421, or that of the environment variable ATROUS_SOAK_PORT.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

import atrous
from atrous.labels import LabelSpace
from atrous.model.presets import deeplabv3plus_mobilenet_v2

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from serving.tiny_service import encoded_as, picture

CLIENTS, SECONDS, CROWD = 4, 10.0, 48
PORT = int(os.environ.get("ATROUS_SOAK_PORT", "8421"))
ADDRESS = f"http://127.0.0.1:{PORT}"


def save_weights(path: Path) -> None:
    """Write other random weights under the same name, in one piece."""
    temporary = path.with_name("new.safetensors")
    atrous.save(temporary, deeplabv3plus_mobilenet_v2(classes=5).eval(), labels=LabelSpace.unnamed(5), provenance={})
    temporary.replace(path)


def post(client: httpx.Client, content: bytes) -> tuple[int, bool]:
    """Status of a prediction, and True if it came with a time to try again."""
    answer = client.post(f"{ADDRESS}/v1/segment?output=labels", content=content)
    return answer.status_code, "retry-after" in answer.headers


def digest() -> str:
    return httpx.get(f"{ADDRESS}/v1/model", timeout=60).json()["models"][0]["sha256"]


def steady_load(stop: threading.Event, statuses: Counter[int]) -> None:
    """Send one picture after the other until `stop`."""
    content = encoded_as(picture(120, 160))
    with httpx.Client(timeout=120) as client:
        while not stop.is_set():
            statuses[post(client, content)[0]] += 1


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="atrous-serve-"))
    weights = folder / "weights.safetensors"
    save_weights(weights)
    command = [sys.executable, "-m", "atrous", "serve", str(weights), "--ray", "--replicas", "2", "2", "--queue", "8"]
    started = time.monotonic()
    server = subprocess.Popen(
        [*command, "--port", str(PORT), "--device", "cpu"], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert server.stdout is not None
    lines = iter(server.stdout.readline, "")
    try:
        for line in lines:
            if line.startswith("replicas"):
                break
        print(f"ready after {time.monotonic() - started:.0f} s")
        before, statuses, stop = digest(), Counter[int](), threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in range(CLIENTS):
                pool.submit(steady_load, stop, statuses)
            time.sleep(SECONDS / 2)
            save_weights(weights)
            server.send_signal(signal.SIGHUP)
            replaced = next(line for line in lines if line.startswith("weights"))
            time.sleep(SECONDS / 2)
            stop.set()
        after = digest()
        print(f"{replaced.strip()} under load of {CLIENTS} clients: statuses {dict(statuses)}")
        assert re.match("weights  replaced", replaced), replaced
        assert before != after
        assert set(statuses) == {200}, statuses
        content = encoded_as(picture(280, 320))
        connections = httpx.Limits(max_connections=CROWD)
        with httpx.Client(timeout=120, limits=connections) as client, ThreadPoolExecutor(CROWD) as pool:
            answers = Counter(pool.map(lambda _: post(client, content), range(4 * CROWD)))
        print(f"{4 * CROWD} requests of {CROWD} clients: {dict(answers)}")
        assert set(answers) <= {(200, False), (503, True)}, answers
        assert min(answers[200, False], answers[503, True]) > 0, answers
    finally:
        server.terminate()
        code = server.wait(timeout=120)
    print(f"ended with status {code}")
    assert code == 0


if __name__ == "__main__":
    main()
