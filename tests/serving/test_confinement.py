"""The service under what Dockerfile and compose.yaml state: no name, no rights, little room to write to."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import yaml
from PIL import Image
from test_container import ROOT, steps
from tiny_service import encoded_as, picture

from atrous.inference.predictor import Predictor
from atrous.weights.archive import save
from fakes.container import Confinement, confined

VISIT = ROOT / "tests" / "fakes" / "container_visit.py"
WEIGHTS = "/weights/tiny.safetensors"


@pytest.fixture
def stated():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["atrous"]


def compiled_ahead(folder, monkeypatch):
    """Copy what numba has compiled beside the sources to a folder of NUMBA_CACHE_DIR, as the image's build does.

    On a fresh clone where this test comes first there is nothing yet, and the service compiles.
    """
    folder.mkdir()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    for cache in (ROOT / "src").rglob("__pycache__"):
        scope = {}
        source = next(cache.parent.glob("*.py"))
        exec(compile("def nothing(): pass", str(source), "exec"), scope)
        place = numba.njit(cache=True)(scope["nothing"]).stats.cache_path  # of every source in that folder
        for file in cache.glob("*.nb[ic]"):
            shutil.copy2(file, place)
    return folder


def can_confine(tmp_path):
    """Why this machine lays out no container; empty if it does."""
    if missing := [name for name in ("unshare", "setpriv", "prlimit") if shutil.which(name) is None]:
        return f"no {' '.join(missing)} on this machine"
    nothing = Confinement("10001:10001", "1m", {}, 256, {})
    done = subprocess.run(
        confined(["/usr/bin/true"], nothing, root=tmp_path), capture_output=True, text=True, check=False
    )
    return f"this machine allows no namespaces: {done.stderr.strip()[-300:]}" if done.returncode else ""


@pytest.fixture
def place(tmp_path):
    """An empty folder, where containers can be laid out; elsewhere a skip that says why the machine allows none."""
    root = tmp_path / "root"
    root.mkdir()
    if why := can_confine(root):
        pytest.skip(why)
    return root


def environment():
    """Variables of the Dockerfile, with this machine's programs, and a HOME that does not even exist."""
    given = dict(word.split("=", 1) for step in steps("ENV") for word in step.split())
    kept = {name: given[name] for name in ("PYTHONUNBUFFERED", "NUMBA_CACHE_DIR")}
    return {
        **kept, "HOME": "/nowhere", "PATH": f"{Path(sys.prefix).resolve()}/bin:/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT}/src", "OMP_NUM_THREADS": "1",
    }  # fmt: skip


@pytest.mark.slow
def test_the_service_starts_answers_and_ends_without_name_rights_and_room(
    archives, stated, place, tmp_path, monkeypatch
):
    save(tmp_path / "tiny.safetensors", archives[0].model, labels=archives[0].labels)
    image = picture(65, 97, seed=5)
    (tmp_path / "image.png").write_bytes(encoded_as(image))
    same = (*{str(Path(sys.prefix).resolve()), sys.base_prefix}, f"{ROOT}/src", str(VISIT))
    confinement = Confinement(
        user=stated["user"],
        shared_memory=stated["shm_size"],
        scratch=dict(mount.split(":", 1) for mount in stated["tmpfs"]),
        processes=stated["pids_limit"],
        visible={
            **{name: name for name in same},
            WEIGHTS: str(tmp_path / "tiny.safetensors"),
            "/pictures/image.png": str(tmp_path / "image.png"),
            "/var/cache/numba": str(compiled_ahead(tmp_path / "numba", monkeypatch)),
        },
        environment=environment(),
    )
    start = [*json.loads(steps("ENTRYPOINT")[0]), WEIGHTS]
    health = json.loads(re.search(r"CMD (\[.*\])", steps("HEALTHCHECK")[0])[1])
    assert steps("STOPSIGNAL") == ["SIGTERM"]
    folders = ["/", "/tmp", "/dev/shm", "/usr", "/var/cache/numba", "/nowhere", "/weights", f"{ROOT}/src", sys.prefix]
    visit = {"start": start, "health": health, "picture": "/pictures/image.png", "folders": folders}
    command = [f"{Path(sys.prefix).resolve()}/bin/python", str(VISIT), json.dumps(visit)]
    done = subprocess.run(
        confined(command, confinement, root=place), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["user"] == [10001, 10001, None]
    assert found["rights"]["NoNewPrivs"] == "1"
    assert {found["rights"][name].strip("0") for name in ("CapEff", "CapPrm")} == {""}
    assert found["writable"] == ["/tmp", "/dev/shm"]
    assert found["mebibytes"] == {"/tmp": 64, "/dev/shm": int(stated["shm_size"].removesuffix("m"))}
    assert found["status"] == 0, done.stderr[-2000:]
    labels = np.array(Image.open(io.BytesIO(base64.b64decode(found["labels"]))))
    np.testing.assert_array_equal(labels, Predictor(archives[0])(image).labels)
    assert found["left in /tmp"] < 16 * 2**20
