"""A server in a process of its own, for the scripts of this folder."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

WEIGHTS = Path(__file__).resolve().parents[1] / "models" / "deeplabv3plus_mobilenet_v2_camvid.safetensors"


@contextmanager
def server(*options: str) -> Iterator[tuple[str, int]]:
    """Start `atrous serve` on a free port; yields its address and process id."""
    command = [sys.executable, "-m", "atrous", "serve", str(WEIGHTS), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        try:
            yield lines[1].split()[1].rstrip("/"), process.pid
        finally:
            process.terminate()
            status = process.wait(60)
    print(f"the server ended with status {status}")


def metric(address: str, name: str) -> float:
    """The value of a number of /metrics that has no labels; 0 where it is not there."""
    found = re.search(rf"^{name} (\S+)$", httpx.get(f"{address}/metrics", timeout=60).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def picture(height: int, width: int, *, seed: int, form: str = "JPEG") -> bytes:
    """A smooth random picture as a file."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(file, format=form)
    return file.getvalue()
