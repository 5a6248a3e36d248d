"""`atrous predict --ray`: pictures on many machines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from PIL import Image

from atrous.cli.console import console
from atrous.errors import InputError
from atrous.extras import require
from atrous.inference.predict_files import TilingRule
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.report.wording import one_line


@dataclass(frozen=True)
class RayOptions:
    """Prediction by Ray."""

    ray: bool = False
    """Predict on the Ray cluster that RAY_ADDRESS names, or else on this machine alone; inputs and --out may be
    addresses such as s3://bucket/folder, inputs also Parquet files with the bytes of pictures. The same command goes on
    after an interruption (needs the extra `ray`)."""
    shards: Annotated[int | None, tyro.conf.arg(metavar="PICTURES")] = None
    """With --ray: write Parquet files of at least so many pictures each instead of PNG files."""
    workers: int | None = None
    """With --ray: number of models that compute at a time. None: one for each processor, or GPU, of the cluster."""

    def check_unused(self, out: Path) -> None:
        """Raise InputError if options of Ray are given without --ray."""
        if self.shards is not None or self.workers is not None:
            raise InputError("--shards and --workers are options of --ray; add it, or leave them out")
        if ":/" in str(out):
            raise InputError(f"--out {out} is no folder of this machine; addresses need --ray")


def predict_on_ray(
    inputs: Sequence[str],
    out: Path,
    options: RayOptions,
    *,
    make_predictor: Callable[[], Predictor],
    save: Callable[[Result, Path], None],
    paint: Callable[[Result], Image.Image],
    overlays: bool,
    probabilities: bool,
    tiles: TilingRule | None,
    max_pixels: int,
    on_gpu: bool,
    settings: Mapping[str, Any],
) -> int:
    """Predict pictures by Ray and print what became of them; returns 0, or 1 where some could not be read."""
    for module in ("ray.data", "pyarrow.parquet", "fsspec"):
        require(module, extra="ray", purpose="atrous predict --ray")
    # Only now: these import what the extra installs.
    from atrous.scale.outputs import ShardOutputs, TreeOutputs
    from atrous.scale.picture_worker import WorkerSettings
    from atrous.scale.predict import predict_on_cluster
    from atrous.scale.storage import open_location, remote_uri

    if options.shards is not None and options.shards < 1:
        raise InputError(f"--shards {options.shards} holds no picture; give 1 or more")
    if options.workers is not None and options.workers < 1:
        raise InputError(f"--workers {options.workers} computes nothing; give 1 or more")
    if options.shards is not None and probabilities:
        raise InputError("--probabilities are files of their own; leave out --shards")
    location = open_location(remote_uri(str(out)))
    outputs = TreeOutputs(location) if options.shards is None else ShardOutputs(location, options.shards)
    worker = WorkerSettings(
        make_predictor,
        save=save,
        paint=paint,
        overlays=overlays,
        probabilities=probabilities,
        tiles=tiles,
        max_pixels=max_pixels,
    )
    outcome = predict_on_cluster(
        inputs,
        outputs,
        worker=worker,
        settings=settings,
        workers=options.workers,
        gpus_per_worker=1.0 if on_gpu else 0.0,
        progress=console.is_terminal,
    )
    for _, problem in sorted(outcome.problems.items()):
        console.print(f"atrous predict: {one_line(problem)}", markup=False, soft_wrap=True)
    what = "label map and overlay" if overlays else "label map"
    good = outcome.pictures - len(outcome.problems)
    print(f"{what} of {good} of {outcome.pictures} pictures written to {remote_uri(str(out))}")
    if outcome.problems:
        print(f"{len(outcome.problems)} of {outcome.pictures} pictures failed, each named above")
    return 1 if outcome.problems else 0
