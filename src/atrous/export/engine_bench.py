"""Times of one model in every engine that is installed, each with a file that has passed its comparison."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from atrous.errors import InputError
from atrous.export.export import export
from atrous.extras import installed
from atrous.inference.engines.engine_times import Circumstances, EngineTime, EngineTimes
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.engines.proof_record import read_proof
from atrous.inference.precision import generated_images
from atrous.inference.predictor import Predictor
from atrous.sizes import Size
from atrous.weights.archive import Archive

FILES = {"onnxruntime": "labels.onnx", "openvino": "labels.xml"}
"""File that each engine computes, by the package of the engine."""

OnProgress = Callable[[int, int], None]
"""Called with (steps done, in all)."""


@dataclass(frozen=True)
class Measured:
    """Times of the engines, and a line for each file that could not be measured."""

    times: EngineTimes
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    """An engine to time."""

    predictor: Predictor
    engine: str
    precision: str
    equal_share: float
    file: str | None = None

    def timed(self, seconds: float) -> EngineTime:
        return EngineTime(self.engine, self.precision, seconds, self.equal_share, self.file)


def measure_engines(
    weights: Archive,
    *,
    size: Size,
    rounds: int,
    files: Sequence[Path] = (),
    on_progress: OnProgress | None = None,
) -> Measured:
    """Time torch and every other engine that is installed, in turn, from an image in memory to its label map.

    What the engines compute is exported into the cache folder, in float32, unless it is there already.

    Args:
        weights: Weights on the CPU in float32.
        size: (height, width) of the image.
        rounds: Number of timed images after the first of each engine.
        files: Exported files of the same weights to time as well, such as one of 8 bits.
        on_progress: Called after every export and every round.

    Raises:
        InputError: If there are no rounds, or a file of `files` cannot be opened or has no proof.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds; give at least 1")
    here = Circumstances.here(weights.sha256, output_stride=weights.model.output_stride)
    wanted = {package: name for package, name in FILES.items() if installed(package)}
    total, done = len(wanted) + rounds + 1, 0

    def advance() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    candidates = [_Candidate(Predictor(weights), f"torch {torch.__version__}", "float32", equal_share=1.0)]
    candidates += [_candidate(file, weights) for file in files]
    problems = [f"{package} is not installed" for package in FILES if package not in wanted]
    for name in wanted.values():
        try:
            candidates.append(_candidate(_exported(weights, here.folder / name), weights))
        except InputError as error:
            problems.append(str(error))
        advance()
    (image,) = generated_images(weights.model.config.in_channels, size=size, number=1).permute(0, 2, 3, 1).numpy()
    seconds = [list[float]() for _ in candidates]
    for number in range(rounds + 1):
        for one, times in zip(candidates, seconds, strict=True):
            begin = time.perf_counter()
            one.predictor.predict_batch([image])
            if number:  # the first prepares
                times.append(time.perf_counter() - begin)
        advance()
    entries = tuple(one.timed(median(times)) for one, times in zip(candidates, seconds, strict=True))
    return Measured(EngineTimes(here, size, entries), tuple(problems))


def _exported(weights: Archive, path: Path) -> Path:
    """Export weights to a path of the cache unless a file that has passed is there; raises InputError if it fails."""
    try:
        if path.is_file() and read_proof(path).passed:
            return path
    except InputError:  # damaged: written again
        pass
    export(weights, path)
    return path


def _candidate(file: Path, weights: Archive) -> _Candidate:
    engine, proof = open_engine(file), read_proof(file)
    description = engine.description
    if (description.weights_sha256, description.output_stride) != (weights.sha256, weights.model.output_stride):
        raise InputError(f"{file} was made from other weights, or at another output stride; export it again")
    return _Candidate(Predictor(engine), engine.name, description.precision, proof.equal_share, str(file.resolve()))
