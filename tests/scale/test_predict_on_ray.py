"""`atrous predict --ray` against the same command without it, byte for byte; kills and resumed predictions."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from PIL import Image

import atrous
from atrous.cli.main import main
from fakes.folder import fake_folder
from fakes.lively_model import LABELS, blocks, lively_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::Warning:ray")]  # Ray warns of its own settings

PICTURES = 40
BAD = b"no picture"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lively.safetensors"
    atrous.save(path, lively_model(), labels=LABELS, provenance={})
    return str(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES):
        height, width = (34, 50) if number % 3 else (47, 33 + number % 5)
        picture = blocks(height, width, seed=number)[0].permute(1, 2, 0).numpy()
        Image.fromarray(picture).save(folder / f"p{number}.png")
    (folder / "bad.png").write_bytes(BAD)
    return folder


@pytest.fixture(scope="module")
def expected(weights, photos, tmp_path_factory):
    """What the command writes without Ray."""
    out = tmp_path_factory.mktemp("plain")
    assert main(["predict", weights, str(photos), "--out", str(out), "--device", "cpu"]) == 1
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def on_ray(weights, *arguments) -> int:
    return main(["predict", weights, *map(str, arguments), "--device", "cpu", "--ray", "--workers", "1"])


@pytest.mark.usefixtures("one_cluster")
def test_files_equal_those_without_ray(weights, photos, expected, tmp_path, capsys):
    out = tmp_path / "out"
    assert on_ray(weights, photos, "--out", out) == 1
    assert contents(out) == expected
    said = capsys.readouterr()
    assert "is not a picture of a known format" in said.err
    assert f"label map and overlay of {PICTURES} of {PICTURES + 1} pictures written to {out}" in said.out
    assert on_ray(weights, photos, "--out", out) == 1  # nothing is left to do, and what failed is said again
    assert "is not a picture of a known format" in capsys.readouterr().err
    assert on_ray(weights, photos, "--out", out, "--flip") == 2
    assert "holds another prediction (flip: False there, True now); choose another --out" in capsys.readouterr().err


@pytest.mark.usefixtures("one_cluster")
def test_shards_of_a_table_lose_and_double_nothing_where_a_worker_is_killed(weights, photos, expected, tmp_path):
    names = [f"p{number}" for number in range(PICTURES)]
    content = [(photos / f"{name}.png").read_bytes() for name in names]
    pq.write_table(pa.table({"jpeg": [*content, BAD, None]}), tmp_path / "set.parquet", row_group_size=7)
    out, killed = tmp_path / "out", list[int]()
    thread = threading.Thread(target=kill_worker, args=(killed,))
    thread.start()
    assert on_ray(weights, f"file://{tmp_path}/set.parquet", "--out", f"file://{out}", "--shards", "1") == 1
    thread.join()
    assert len(killed) == 1
    rows = sorted(pads.dataset([*out.glob("*.parquet")]).to_table().to_pylist(), key=lambda row: row["id"])
    assert [row["id"] for row in rows] == [*range(PICTURES + 2)]
    for name, row in zip(names, rows, strict=False):
        assert row["problem"] is None
        assert row["labels"] == expected[f"{name}.png"]
        assert row["overlay"] == expected[f"{name}_overlay.jpg"]
    bad, null = rows[PICTURES:]
    assert bad["labels"] is null["labels"] is None
    assert bad["problem"].startswith(f"file://{tmp_path}/set.parquet#{PICTURES} is not a picture")
    assert null["problem"] == f"file://{tmp_path}/set.parquet#{PICTURES + 1} is null, not a picture; replace it"


@pytest.mark.usefixtures("one_cluster")
def test_an_evaluation_adds_up_to_the_same_report(weights, tmp_path):
    names = [f"photo{number}" for number in range(70)]  # three parts, the last of them short
    data = fake_folder(tmp_path / "data", names=names, values=(0, 1, 2, 3, 255))
    (data / "train.txt").write_text(names[0])
    (data / "val.txt").write_text("\n".join(names[1:]))
    command = ["evaluate", weights, str(data), "--device", "cpu", "--json"]
    assert main([*command, str(tmp_path / "plain.json"), "--html", str(tmp_path / "plain.html")]) == 0
    rest = ["--html", str(tmp_path / "ray.html"), "--ray", "--workers", "1"]
    assert main([*command, str(tmp_path / "ray.json"), *rest]) == 0
    for kind in ("json", "csv", "html"):
        assert (tmp_path / f"ray.{kind}").read_bytes() == (tmp_path / f"plain.{kind}").read_bytes()


def kill_worker(killed: list[int]) -> None:
    """Kill the process of a worker as soon as it computes."""
    deadline = time.monotonic() + 120
    while not killed and time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                title = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::MapWorker") and b"submit" in title:
                os.kill(int(process.name), signal.SIGKILL)
                killed.append(int(process.name))
                break
        time.sleep(0.01)


def test_without_the_extra_the_line_names_the_command(weights, photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    assert on_ray(weights, photos, "--out", tmp_path / "out") == 2
    assert "install it with: pip install 'atrous[ray]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shards", "0"], "--shards 0 holds no picture"),
        (["--watch"], "--watch is for one machine"),
        (["--skip-done"], "--skip-done is for one machine"),
        (["--truncated"], "--truncated is for one machine"),
        (["--as", "coco"], "--as is for one machine"),
        (["--precision", "auto"], "--precision auto may differ between machines"),
        (["--shards", "3", "--probabilities"], "--probabilities are files of their own"),
    ],
)
def test_bad_options_are_one_line(options, message, weights, photos, tmp_path, capsys):
    assert on_ray(weights, photos, "--out", tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_options_of_ray_need_ray(weights, photos, capsys):
    assert main(["predict", weights, str(photos), "--out", "s3://bucket/x"]) == 2
    assert "--out s3:/bucket/x is no folder of this machine; addresses need --ray" in capsys.readouterr().err
    assert main(["predict", weights, str(photos), "--out", "x", "--workers", "3"]) == 2
    assert "--shards and --workers are options of --ray" in capsys.readouterr().err
