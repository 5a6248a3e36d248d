"""Times of a model in the engines of this machine, kept in the cache folder, and the choice of the quickest engine."""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from atrous.errors import InputError
from atrous.files import atomic_path, cache_folder
from atrous.inference.engines.proof_record import read_proof
from atrous.plain import from_plain, to_plain
from atrous.sizes import Size, size_text

PACKAGES = ("atrous", "torch", "onnxruntime", "openvino")
"""Packages whose versions change the times."""


@dataclass(frozen=True)
class Circumstances:
    """Model, machine and versions of the engines that a set of times belongs to.

    Attributes:
        weights_sha256: Hash of the weights.
        output_stride: Output stride of the backbone.
        processor: Name of the processor.
        threads: Number of threads of an engine.
        versions: Version by package; packages that are not installed are left out.
    """

    weights_sha256: str
    output_stride: int
    processor: str
    threads: int
    versions: Mapping[str, str]

    @classmethod
    def here(cls, weights_sha256: str, *, output_stride: int) -> "Circumstances":
        """Return the circumstances of a model on this machine."""
        versions = {name: version for name in PACKAGES if (version := _version(name))}
        return cls(weights_sha256, output_stride, processor_name(), torch.get_num_threads(), versions)

    @property
    def folder(self) -> Path:
        """Folder of the cache that holds the times, and the files that were exported to measure them."""
        digest = hashlib.sha256(json.dumps(to_plain(self), sort_keys=True).encode()).hexdigest()
        return cache_folder() / "engines" / digest[:32]


@dataclass(frozen=True)
class EngineTime:
    """Time and agreement of one engine.

    Attributes:
        engine: Name of the engine with its version.
        precision: Number type of the convolutions.
        seconds: Median time from an image in memory to its label map.
        equal_share: Share of pixels whose labels equal those of torch in float32, 0..1, over the images of the proof.
        file: The exported file; None for torch.
    """

    engine: str
    precision: str
    seconds: float
    equal_share: float
    file: str | None = None


@dataclass(frozen=True)
class EngineTimes:
    """Times of one model in several engines, at one size of the image.

    Attributes:
        circumstances: Model, machine and versions.
        size: (height, width) of the image.
        engines: One entry for each engine and number type; torch is the first.
    """

    circumstances: Circumstances
    size: Size
    engines: tuple[EngineTime, ...]

    def keep(self) -> Path:
        """Write the times into the cache folder, in the place of older ones; raises InputError if that fails."""
        path = self.circumstances.folder / "times.json"
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(to_plain(self), indent=2) + "\n", encoding="utf-8")
        return path


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and the reason for it.

    Attributes:
        file: Exported file to compute; None for torch.
        reason: Reason for this engine.
        engine: Name of the engine, and the number type of the file.
    """

    file: Path | None
    reason: str
    engine: str = "torch"


def kept_times(circumstances: Circumstances) -> EngineTimes | None:
    """Read the times that were kept for these circumstances; None if there are none, or damaged ones."""
    path = circumstances.folder / "times.json"
    try:
        times = from_plain(EngineTimes, json.loads(path.read_text(encoding="utf-8")), where=str(path))
    except (OSError, ValueError, RecursionError, InputError):
        return None
    return times if times.circumstances == circumstances and times.engines else None


def quickest_engine(weights_sha256: str, *, output_stride: int, name: str = "") -> EngineChoice:
    """Choose the quickest engine whose file has passed its comparison; torch where there is none.

    Args:
        weights_sha256: Hash of the weights.
        output_stride: Output stride of the backbone.
        name: Beginning of the name of the engine; empty for any engine, torch included.
    """
    times = kept_times(Circumstances.here(weights_sha256, output_stride=output_stride))
    if times is None:
        return EngineChoice(None, "atrous bench --engines has not run for these weights, machine and versions")
    problem = "no such engine was measured"
    for one in sorted(times.engines, key=lambda one: one.seconds):
        if not one.engine.startswith(name):
            continue
        measured = f"{1000 * one.seconds:.1f} ms at {size_text(times.size)}"
        if one.file is None:
            return EngineChoice(None, f"the quickest engine, {measured}")
        try:
            proof = read_proof(Path(one.file))
        except InputError as error:
            problem = str(error)
            continue
        if not proof.passed:
            problem = f"{one.file} did not meet its gate"
            continue
        against = f"{1000 * times.engines[0].seconds:.1f} ms in torch, {proof.equal_share:.4%} of labels equal"
        return EngineChoice(Path(one.file), f"{measured} against {against}", f"{one.engine}, {one.precision}")
    return EngineChoice(None, problem)


def processor_name() -> str:
    """Return the name of the processor, as the operating system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:  # no Linux
        names = []
    return (names[0] if names else platform.processor()) or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
