"""Files of ONNX Runtime Web, which computes exported pages: from the npm package, of one version, by sha256."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from atrous.errors import InputError
from atrous.files import atomic_path, cache_folder

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
TARBALL_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
RUNTIME_FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort.webgpu.min.mjs": "3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0",
    "ort-wasm-simd-threaded.asyncify.mjs": "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28",
    "ort-wasm-simd-threaded.asyncify.wasm": "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
}
"""Files of the package's folder `dist` that a page needs, with their sha256: three for CPUs, three for WebGPU."""

LARGEST_FILE = 64 << 20
"""Bytes of the largest file that is read."""

NPM_SECONDS = 600.0
"""Longest wait for npm."""

_BY_HAND = f"run npm pack {PACKAGE}@{VERSION} elsewhere, unpack the file, and give its folder by --runtime FOLDER"


def runtime_files(folder: Path | None = None) -> dict[str, bytes]:
    """Return the runtime's files by name, each of the sha256 that this version of the package has.

    Args:
        folder: The npm package, unpacked (its folder `package`, the folder above it, or `dist` in it). None takes it
            from the cache, where npm puts it the first time.

    Raises:
        InputError: If the files are missing or others, or npm is missing or cannot fetch them.
    """
    if folder is not None:
        return _read(_distribution(folder), where=f"--runtime {folder}")
    cached = cache_folder() / f"{PACKAGE}-{VERSION}"
    try:
        return _read(cached, where=str(cached))
    except InputError:
        _fetch(cached)
    return _read(cached, where=str(cached))


def _distribution(folder: Path) -> Path:
    for inner in (folder / "package" / "dist", folder / "dist", folder):
        if (inner / next(iter(RUNTIME_FILES))).is_file():
            return inner
    raise InputError(f"--runtime {folder} holds no {PACKAGE}; {_BY_HAND}")


def _read(folder: Path, *, where: str) -> dict[str, bytes]:
    found = dict[str, bytes]()
    for name, sha256 in RUNTIME_FILES.items():
        try:
            with (folder / name).open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise InputError(f"{where}: {name} cannot be read ({error.strerror or error}); {_BY_HAND}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{where}: {name} is not that of {PACKAGE} {VERSION}: its sha256 differs; {_BY_HAND}")
        found[name] = content
    return found


def _fetch(cached: Path) -> None:
    """Fetch the package by npm, compare its sha256, and keep the files that a page needs."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"the page needs {PACKAGE} {VERSION}, and there is no npm to fetch it; {_BY_HAND}")
    with tempfile.TemporaryDirectory(prefix="atrous-npm-") as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--silent", "--fetch-retries=1"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=NPM_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"npm cannot fetch {PACKAGE} {VERSION} ({error!s:.200}); {_BY_HAND}") from error
        tarball = Path(folder) / f"{PACKAGE}-{VERSION}.tgz"
        if done.returncode != 0 or not tarball.is_file():
            said = " ".join((done.stderr or done.stdout).split()) or f"status {done.returncode}"
            raise InputError(f"npm cannot fetch {PACKAGE} {VERSION} ({said:.200}); {_BY_HAND}")
        with tarball.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != TARBALL_SHA256:
                raise InputError(f"npm gave another file than {PACKAGE} {VERSION}: its sha256 differs; {_BY_HAND}")
        with tarfile.open(tarball) as archive:
            for name in RUNTIME_FILES:
                member = archive.extractfile(f"package/dist/{name}")
                assert member is not None  # a file in the archive of this sha256
                with atomic_path(cached / name) as path:
                    path.write_bytes(member.read())
