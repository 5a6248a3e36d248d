"""A root file system, limits and a user like those of the container, made with namespaces instead of a daemon.

Run as a script inside new namespaces, it lays out the file system and becomes the user; `confined` gives the command.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc")
DEVICES = ("null", "zero", "random", "urandom")
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


@dataclass(frozen=True)
class Confinement:
    """What a container is allowed.

    Attributes:
        user: Numbers of user and group, `10001:10001`.
        shared_memory: Size of /dev/shm as mount takes it.
        scratch: File systems in memory that can be written, by folder: options of mount.
        processes: Largest number of processes and threads.
        visible: Folders and files of this machine that are seen, read-only: place inside, place outside.
        environment: All of its variables.
    """

    user: str
    shared_memory: str
    scratch: dict[str, str]
    processes: int
    visible: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)


def confined(command: list[str], confinement: Confinement, *, root: Path) -> list[str]:
    """The command line that runs a command so.

    Root becomes the user; anybody else is shown as it, where the machine allows namespaces to all.

    Args:
        command: Absolute name of a program that is visible inside, and its arguments.
        confinement: What it is allowed.
        root: An empty folder.
    """
    others = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    spaces = ["--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child=SIGKILL"]
    own = [sys.executable, __file__, str(root), json.dumps(asdict(confinement))]
    return ["unshare", *others, *spaces, *own, *command]


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def show(outside: str, inside: Path) -> None:
    """Make a file or folder of this machine visible, read-only."""
    if Path(outside).is_dir():
        inside.mkdir(parents=True, exist_ok=True)
    else:
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.touch()
    mount("--rbind", outside, str(inside))
    mount("-o", "remount,bind,ro", str(inside))


def lay_out(confinement: Confinement, root: Path) -> None:
    """Mount everything below `root`, which is read-only afterwards but for the scratch folders."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))
    for name in SYSTEM:
        if Path(name).is_symlink():
            (root / name[1:]).symlink_to(os.readlink(name))
        elif Path(name).exists():
            show(name, root / name[1:])
    (root / "proc").mkdir()
    mount("-t", "proc", "proc", str(root / "proc"))
    for name in DEVICES:
        device = root / "dev" / name
        device.parent.mkdir(exist_ok=True)
        device.touch()
        mount("--bind", f"/dev/{name}", str(device))
    for inside, outside in confinement.visible.items():
        show(outside, root / inside[1:])
    for folder, options in {**confinement.scratch, "/dev/shm": f"size={confinement.shared_memory}"}.items():
        (root / folder[1:]).mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "-o", f"mode=1777,nosuid,nodev,{options}", "tmpfs", str(root / folder[1:]))
    mount("-o", "remount,bind,ro", str(root))


def raise_loopback() -> None:
    """Bring up the loopback device of a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


def become(confinement: Confinement) -> list[str]:
    """Words before a command that make it the user's, without any right of root."""
    user, group = confinement.user.split(":")
    if is_mapped():
        return ["unshare", "--user", f"--map-user={user}", f"--map-group={group}", "setpriv", "--no-new-privs"]
    # Only where the user is nobody else's: the limit counts all processes of a user.
    limits = ["prlimit", f"--nproc={confinement.processes}"]
    identity = [f"--reuid={user}", f"--regid={group}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    return [*limits, "setpriv", *identity, "--no-new-privs"]


def is_mapped() -> bool:
    """Whether this user namespace knows one user alone, root, who is somebody else outside."""
    return Path("/proc/self/uid_map").read_text().split()[2] == "1"


def main() -> None:
    root, settings, *command = sys.argv[1:]
    confinement = Confinement(**json.loads(settings))
    raise_loopback()
    lay_out(confinement, Path(root))
    # Not by chroot, in which no further user namespace may be made.
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "."], check=True)
    subprocess.run(["umount", "--lazy", "."], check=True)
    os.chdir("/")
    words = [*become(confinement), *command]
    os.execvpe(words[0], words, {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **confinement.environment})


if __name__ == "__main__":
    main()
