"""`atrous bench MODEL`: times the stages from picture file to label map, or the engines that are installed."""

import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from PIL import Image

from atrous.cli.console import progress_callback
from atrous.cli.inference import load_weights
from atrous.cli.options import parse
from atrous.data.formats.images import MAX_PIXELS
from atrous.errors import InputError
from atrous.export.engine_bench import measure_engines
from atrous.inference.device import choose_device
from atrous.inference.engines.engine_times import EngineTimes
from atrous.inference.engines.open_engine import is_exported
from atrous.inference.predictor import Predictor
from atrous.inference.timings import Timing, stages
from atrous.model.any_backbone import is_any_model
from atrous.model.build import build
from atrous.model.presets import PRESETS, preset
from atrous.report.tables import Table
from atrous.sizes import Size, parse_size, size_text

LARGEST_JPEG = 65500
"""Largest side of a JPEG in pixels."""


@dataclass(frozen=True)
class Options:
    """Time every stage from a picture file to the PNG of its label map, on this machine; or engine against engine.

    Stages: decode, resize, network, upsample + argmax, encode. The first picture, which compiles and prepares, is
    reported separately; of the others the median is given. A preset with random weights is as fast as a trained model.

    With --engines, trained weights are exported in float32 for ONNX Runtime and OpenVINO, compared, and timed against
    torch on the CPU. The times are kept, and `--engine auto` of predict, evaluate and serve takes the quickest engine.

    Example: atrous bench deeplabv3_resnet50 --output-stride 8 --size 513
    """

    model: tyro.conf.Positional[str] = "deeplabv3plus_mobilenet_v2"
    """A preset, with random weights, or weights by file, run folder or name."""
    picture: Path | None = None
    """A picture to decode; by default a generated JPEG of the size."""
    size: str = "513"
    """Size that the picture is resized to: one number, or height x width as 1025x2049."""
    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the model's own."""
    rounds: int = 10
    """Number of timed pictures after the first."""
    device: str = "auto"
    """Where to compute."""
    engines: bool = False
    """Time the engines that are installed, from an image in memory to its label map, and keep the times."""
    files: tuple[Path, ...] = ()
    """With --engines: exported files of the same weights to time as well, such as one of 8 bits."""


def main(arguments: Sequence[str]) -> int:
    """Print the time of every stage; returns the exit status."""
    options = parse(Options, arguments, verb="bench")
    size = parse_size(options.size)
    if min(size) < 1 or max(size) > LARGEST_JPEG or size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"--size {size_text(size)} is out of reach; give one such as 513 or 1025x2049")
    if options.engines:
        return _bench_engines(options, size)
    if options.files:
        raise InputError("--files is for --engines; give an exported file alone in the place of the weights")
    predictor = _predictor(options)
    with tempfile.TemporaryDirectory() as folder, progress_callback("timing") as on_progress:
        picture, labels = options.picture or _photo(Path(folder) / "photo.jpg", size), Path(folder) / "labels.png"
        timed = stages(predictor, picture, labels, size=size, rounds=options.rounds, on_progress=on_progress)
    threads = f"{torch.get_num_threads()} thread(s) of {platform.processor() or platform.machine()}"
    print(f"{options.model} at output stride {predictor.output_stride}, {size_text(size)}, {predictor.precision}")
    print(f"torch {torch.__version__}, {predictor.device}, {threads}, median of {options.rounds}")
    print(_table(timed).to_text())
    return 0


def _bench_engines(options: Options, size: Size) -> int:
    """Print and keep the times of the engines; returns the exit status."""
    if options.picture is not None or options.device not in ("auto", "cpu"):
        raise InputError("--engines times a generated picture on the CPU; leave out --picture and --device")
    if options.model in PRESETS or is_any_model(options.model) or is_exported(options.model):
        raise InputError(f"--engines times trained weights, which {options.model} is not; give a file of weights")
    weights = load_weights(options.model)
    if options.output_stride is not None:
        weights = replace(weights, model=weights.model.replanned(output_stride=options.output_stride))
    with progress_callback("timing") as on_progress:
        measured = measure_engines(
            weights, size=size, rounds=options.rounds, files=options.files, on_progress=on_progress
        )
    times = measured.times
    here = times.circumstances
    print(f"{options.model} at output stride {here.output_stride}, {size_text(size)}")
    print(f"{here.processor}, {here.threads} thread(s), median of {options.rounds}")
    print(_engine_table(times).to_text())
    for problem in measured.problems:
        print(f"left out {problem}")
    print(f"kept     {times.keep()}")
    return 0


def _engine_table(times: EngineTimes) -> Table:
    torch_seconds = times.engines[0].seconds
    return Table(
        columns=("engine", "number type", "ms", "times as fast as torch", "equal labels"),
        rows=tuple(
            (one.engine, one.precision, 1000 * one.seconds, torch_seconds / one.seconds, one.equal_share)
            for one in times.engines
        ),
        formats=("", "", ".1f", ".2f", ".4%"),
    )


def _predictor(options: Options) -> Predictor:
    if is_exported(options.model):
        return Predictor(options.model, output_stride=options.output_stride, device=options.device)
    weights = (
        build(preset(options.model))
        if options.model in PRESETS or is_any_model(options.model)
        else load_weights(options.model)
    )
    return Predictor(weights, output_stride=options.output_stride, device=choose_device(options.device))


def _table(timed: Sequence[Timing]) -> Table:
    whole = Timing("all", sum(stage.first for stage in timed), sum(stage.median for stage in timed))
    return Table(
        columns=("stage", "ms", "share", "first time, ms"),
        rows=tuple(
            (stage.name, 1000 * stage.median, stage.median / whole.median, 1000 * stage.first)
            for stage in (*timed, whole)
        ),
        formats=("", ".1f", ".1%", ".1f"),
    )


def _photo(path: Path, size: Size) -> Path:
    """Write a picture of smooth random colours with grain, about as slow to decode as a photo."""
    generator = np.random.default_rng(0)
    height, width = size
    blocks = generator.integers(0, 256, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grainy = smooth + generator.integers(-8, 9, (height, width, 1), dtype=np.int16)
    Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path
