"""What a visitor inside the container sees: rights, file systems, and the service from its start to its end.

Run as a script with a JSON object: `start`, the words that start the service; `health`, those of the health check;
`picture`, a file; `folders`, where a file is tried to be written. Prints a JSON object.
"""

import base64
import json
import os
import pwd
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ADDRESS = "http://127.0.0.1:8000/v1/segment?output=labels"


def user_name() -> str | None:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None


def is_writable(folder: str) -> bool:
    place = Path(folder) / "a"
    try:
        place.write_bytes(b"")
        place.unlink()
    except OSError:
        return False
    return True


def mebibytes(folder: str) -> int:
    space = os.statvfs(folder)
    return space.f_blocks * space.f_frsize // 2**20


def rights() -> dict[str, str]:
    """Capabilities that the process has and could get, and whether it may get new ones."""
    lines = (line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: value.strip() for name, value in lines if name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs")}


def answer(picture: str) -> str:
    content, headers = Path(picture).read_bytes(), {"Content-Type": "image/png"}
    with urllib.request.urlopen(urllib.request.Request(ADDRESS, content, headers), timeout=60) as found:
        return base64.b64encode(found.read()).decode()


def main() -> None:
    given = json.loads(sys.argv[1])
    found = {
        "user": [os.getuid(), os.getgid(), user_name()],
        "rights": rights(),
        "writable": [folder for folder in given["folders"] if is_writable(folder)],
        "mebibytes": {folder: mebibytes(folder) for folder in ("/tmp", "/dev/shm")},
    }
    with subprocess.Popen(given["start"], stdout=sys.stderr) as service:
        while service.poll() is None and subprocess.run(given["health"], capture_output=True, check=False).returncode:
            time.sleep(0.2)
        if service.poll() is None:
            found["labels"] = answer(given["picture"])
            service.send_signal(signal.SIGTERM)
        found["status"] = service.wait(60)
    found["left in /tmp"] = sum(file.stat().st_size for file in Path("/tmp").rglob("*") if file.is_file())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
