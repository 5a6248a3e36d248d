"""Ten thousand mutated pictures to one server: no status but those documented, no restart, no growth of memory.

    python scripts/soak/hostile_uploads.py [--uploads 10000]

Prints counts of statuses, decoders that were replaced, and the resident memory after every thousand; the status is 1 if
a status is not documented, a decoder was replaced, or memory grew by more than 2 % between a fifth and the end.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from soak_server import metric, picture, server

from fakes.mutated import mutated

DOCUMENTED = {200, 413, 415, 422, 503}
FORMS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=10_000)
    uploads = parser.parse_args().uploads
    rng = np.random.default_rng(0)
    contents = [picture(40, 56, seed=seed, form=form) for seed, form in enumerate(FORMS)]
    statuses, memory, started = Counter[int](), list[float](), time.monotonic()
    step = max(uploads // 10, 1)
    with server() as (address, _), httpx.Client(timeout=60) as client, ThreadPoolExecutor(4) as threads:
        for first in range(0, uploads, step):
            files = [mutated(rng, contents) for _ in range(step)]
            answers = threads.map(lambda file: client.post(f"{address}/v1/segment?output=labels", content=file), files)
            statuses.update(answer.status_code for answer in answers)
            memory.append(metric(address, "atrous_resident_bytes"))
            seconds = time.monotonic() - started
            print(f"{first + step} uploads, {seconds:.0f} s, {memory[-1] / 2**20:.1f} MiB resident", flush=True)
        restarts = metric(address, "atrous_decoder_restarts_total")
    growth = memory[-1] / memory[len(memory) // 5 - 1] - 1
    print(f"statuses {dict(sorted(statuses.items()))}, decoders replaced {restarts:.0f}, growth {growth:.2%}")
    return int(not {*statuses} <= DOCUMENTED or restarts > 0 or growth > 0.02)


if __name__ == "__main__":
    sys.exit(main())
