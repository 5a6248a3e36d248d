"""Train on two hosts, which are network namespaces with addresses of their own, and cut one off in the middle.

    python scripts/soak/two_hosts.py [SECONDS]

Needs root and `ip` of iproute2. A `torchrun` in each namespace starts one process; they train one model. The second
host's interface goes down, both hosts are killed, the interface comes up, and the same commands go on. The losses
must be those of an undisturbed run on the two hosts to 1e-5. Waits SECONDS, by default 120, for each step. An assertion
ends the script.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from fakes.camvid import fake_camvid

HOSTS = {"atrous-one": "10.77.0.1", "atrous-two": "10.77.0.2"}
OPTIONS = (
    "--recipe scenes --device cpu --iterations 60 --norm-momentum 0.2 --validate-every 20 --crop 33 33 --workers 0 "
    "--depth-multiplier 0.1 --aspp-channels 8 --batch-size 4"
)


def ip(command: str) -> str:
    """Run `ip` with these words; returns what it prints."""
    return subprocess.run(["ip", *command.split()], check=True, stdout=subprocess.PIPE, text=True).stdout


def switch_off(host: str) -> None:
    """Kill all processes of a host."""
    for process in ip(f"netns pids {host}").split():
        os.kill(int(process), signal.SIGKILL)


def make_hosts(stack: ExitStack) -> None:
    """Two namespaces, joined by a pair of interfaces."""
    for host in HOSTS:
        ip(f"netns add {host}")
        stack.callback(ip, f"netns delete {host}")
    ip("link add atrous0 netns atrous-one type veth peer name atrous0 netns atrous-two")
    for host, address in HOSTS.items():
        ip(f"-n {host} address add {address}/24 dev atrous0")
        for interface in ("lo", "atrous0"):
            ip(f"-n {host} link set {interface} up")


def start(data: Path, out: Path, log: Path) -> list[subprocess.Popen[bytes]]:
    """Start `torchrun` on both hosts."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "atrous0"}
    processes = []
    for number, (host, address) in enumerate(HOSTS.items()):
        command = ["ip", "netns", "exec", host, sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
        command += ["--nproc-per-node", "1", "--node-rank", str(number), "--local-addr", address]
        command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "10.77.0.1:29511", "--rdzv-id", out.name]
        command += ["--rdzv-conf", f"is_host={int(number == 0)}"]
        command += ["-m", "atrous", "train", str(data), "--out", str(out), *OPTIONS.split()]
        with (log.with_name(f"{log.name}.{host}")).open("ab") as file:
            processes.append(
                subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
            )
    return processes


def losses(out: Path) -> dict[int, float]:
    file = out / "metrics.jsonl"
    records = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {record["iteration"]: record["loss"] for record in records if "loss" in record}


def wait_for(iteration: int, out: Path, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while max(losses(out), default=0) < iteration:
        assert time.monotonic() < deadline, f"no iteration {iteration} within {seconds:.0f} s"
        time.sleep(0.1)


def main(seconds: float = 120.0) -> None:
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        data = fake_camvid(folder / "data")
        make_hosts(stack)
        for process in start(data, folder / "whole", folder / "whole.log"):
            assert process.wait(3 * seconds) == 0, (folder / "whole.log.atrous-one").read_text()[-2000:]
        print("undisturbed: done on both hosts", flush=True)
        hosts = start(data, folder / "cut", folder / "cut.log")
        wait_for(30, folder / "cut", seconds=seconds)
        ip("-n atrous-two link set atrous0 down")
        time.sleep(5)
        at = max(losses(folder / "cut"))
        time.sleep(5)
        print(f"cut off at iteration {at}; 5 s later at {max(losses(folder / 'cut'))}", flush=True)
        for host in HOSTS:  # a launcher that is cut off waits for minutes before it ends by itself
            switch_off(host)
        for process in hosts:
            process.wait(seconds)
        ip("-n atrous-two link set atrous0 up")
        for process in start(data, folder / "cut", folder / "cut.log"):
            assert process.wait(3 * seconds) == 0, (folder / "cut.log.atrous-one").read_text()[-2000:]
        expected, found = losses(folder / "whole"), losses(folder / "cut")
        assert found.keys() == expected.keys()
        difference = max(abs(found[number] - expected[number]) for number in expected)
        print(f"went on to the end; largest difference of {len(expected)} losses: {difference:.1e}")
        assert difference < 1e-5


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
