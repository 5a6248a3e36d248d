"""`atrous predict WEIGHTS INPUT... --out DIR`: label maps and overlays of pictures, overlays of videos."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atrous.cli.addresses import LocalInputs, local_inputs
from atrous.cli.console import console, progress_bar, progress_callback
from atrous.cli.inference import load_weights
from atrous.cli.options import parse
from atrous.cli.predict_live import live_input, live_output, predict_live_source
from atrous.cli.predict_options import Options
from atrous.cli.predict_ray import predict_on_ray
from atrous.cli.predict_videos import SOME_FAILED, plan_videos, predict_videos, video_files
from atrous.cli.watch import WatchedFolder, arrivals
from atrous.data.formats.image_names import image_names
from atrous.data.formats.truncated import accept_truncated
from atrous.data.formats.value_range import Ranges, parse_ranges
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.annotation_files import AnnotationFiles
from atrous.inference.engines.open_engine import is_exported
from atrous.inference.live_frames import LiveSource
from atrous.inference.live_video import PATIENCE, Recording, predict_live
from atrous.inference.output_files import PredictionFiles, check_paths, plan_files, select_listed
from atrous.inference.predict_files import FileOutcome, TilingRule, predict_files
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.inference.submission import CITYSCAPES_SERVER, VOC_SERVER
from atrous.inference.tiling.tiles import Tiling
from atrous.inference.video import WrittenVideo, check_smoothing, predict_video
from atrous.report.wording import class_line, one_line

SERVERS = {"voc": VOC_SERVER, "cityscapes": CITYSCAPES_SERVER}


def main(arguments: Sequence[str]) -> int:
    """Predict pictures; returns 0, or 1 where some could not be read."""
    options = parse(Options, arguments, verb="predict")
    accept_truncated(accepted=options.truncated)
    check_paths(options.weights, options.inputs, out=options.out)
    live = live_input(options.inputs)
    if options.seconds is not None and live is None:
        raise InputError("--seconds is for RTSP streams and webcams; leave it out for pictures and files")
    if options.cluster.ray:
        return _predict_on_ray(options)
    options.cluster.check_unused(options.out)
    if options.watch:
        return _watch(options)
    if live is not None:
        return _predict_live(options, live)
    with local_inputs(options.inputs) as local:
        for problem in local.problems:
            console.print(f"atrous predict: {one_line(problem)}", markup=False, soft_wrap=True)
        status = SOME_FAILED if local.problems else 0
        try:
            return status if status and not local.inputs else _predict(options, local) or status
        except InputError as error:
            raise InputError(local.named(str(error))) from error


def _predict_on_ray(options: Options) -> int:
    """Predict pictures on a Ray cluster; returns the exit status."""
    for name in ("watch", "only", "server", "form", "skip_done", "truncated"):
        if getattr(options, name):
            option = {"form": "as", "skip_done": "skip-done"}.get(name, name)
            raise InputError(f"--{option} is for one machine; leave it out, or leave out --ray")
    if live_input(options.inputs) or video_files(options.inputs):
        raise InputError("--ray predicts pictures; leave it out for videos")
    if options.inference.engine != "torch":
        raise InputError("--engine may choose otherwise on other machines; leave it out with --ray")
    weights = Path(options.weights)
    if not is_exported(weights):
        weights = load_weights(options.weights, options.inference.weight_settings)
    make_predictor = partial(_in_range, options.inference.predictor_of, weights, options.picture_range)
    predictor = make_predictor()  # once here, so that bad weights and options are one line before Ray starts
    if options.inference.precision == "auto":
        raise InputError("--precision auto may differ between machines; give float32, float16 or bfloat16 with --ray")
    settings = {
        "weights": predictor.sha256 or options.weights,
        "precision": predictor.precision,
        "picture_range": predictor.picture_range,
        **{name: getattr(predictor, name) for name in ("output_stride", "scales", "flip", "pad")},
        **{name: getattr(options, name) for name in ("overlay", "probabilities", "tile", "overlap", "tile_means")},
        "shards": options.cluster.shards,
    }
    return predict_on_ray(
        options.inputs,
        options.out,
        options.cluster,
        make_predictor=make_predictor,
        save=_save,
        paint=_paint(options),
        overlays=options.overlay,
        probabilities=options.probabilities,
        tiles=_tiling_rule(options, allows_tiles=predictor.allows_tiles),
        max_pixels=options.max_pixels,
        on_gpu=predictor.device.type == "cuda",
        settings=settings,
    )


def _watch(options: Options) -> int:
    """Predict pictures as they arrive in a folder, until an interrupt; returns 0."""
    if len(options.inputs) != 1 or "://" in options.inputs[0]:
        raise InputError("--watch looks into one folder; name it as the only input")
    if options.form is not None or options.server is not None or options.only is not None:
        raise InputError("--watch writes label maps and overlays alone; leave out --as, --server and --only")
    folder = WatchedFolder(Path(options.inputs[0]), out=options.out, overlays=options.overlay)
    predictor = _predictor(options)
    tiles = _tiling_rule(options, allows_tiles=predictor.allows_tiles)
    print(f"watching {options.inputs[0]}; an interrupt (Ctrl-C) ends it", flush=True)
    try:
        for plan in arrivals(folder):
            outcomes = predict_files(
                predictor,
                plan,
                save=_save,
                paint=_paint(options),
                probabilities=options.probabilities,
                tiles=tiles,
                max_pixels=options.max_pixels,
            )
            for outcome in outcomes:
                if outcome.problem is not None:
                    console.print(f"atrous predict: {one_line(outcome.problem)}", markup=False, soft_wrap=True)
                else:
                    print(f"written  {one_line(str(outcome.files.labels))}", flush=True)
    except KeyboardInterrupt:
        pass
    return 0


def _predictor(options: Options) -> Predictor:
    beyond_labels = "probabilities" if options.probabilities else "tiles" if options.tile is not None else ""
    make = partial(options.inference.predictor, beyond_labels=beyond_labels)
    return _in_range(make, options.weights, options.picture_range)


def _in_range(make: Callable[[Any], Predictor], weights: object, bounds: tuple[float, float] | None) -> Predictor:
    """Build a predictor that reads deep pictures in the range of the command line, where one is given."""
    predictor = make(weights)
    if bounds is not None:
        predictor.picture_range = _checked_range(bounds)
    return predictor


def _paint(options: Options) -> Callable[[Result], Image.Image]:
    return partial(
        Result.overlay, background=options.overlay_background, contours=options.contours, legend=options.legend
    )


def _save(result: Result, path: Path) -> None:
    """Write a label map, and probabilities where there are some."""
    result.save(path)
    if result.probabilities is not None:
        with atomic_path(_probabilities_file(path)) as temporary:
            np.save(temporary, result.probabilities.astype(np.float16))


def _probabilities_file(labels: Path) -> Path:
    return labels.with_name(f"{labels.stem}_probabilities.npy")


def _predict(options: Options, local: LocalInputs) -> int:
    """Predict local files; returns the exit status."""
    options = replace(options, inputs=local.inputs)
    videos = video_files(options.inputs)
    if options.form is not None and (videos or options.server):
        raise InputError("--as is for label maps of pictures; leave it out for videos and with --server")
    if videos:
        return _predict_videos(options, videos)
    if options.smoothing:
        raise InputError(f"--smoothing {options.smoothing:g} is for videos; leave it out for pictures")
    pictures = image_names(options.inputs)
    if options.only is not None:
        pictures = select_listed(pictures, names=options.only)
    server = None if options.server is None else SERVERS[options.server]
    overlays = options.overlay and server is None
    out = options.out
    plan: Sequence[PredictionFiles] = (
        server.plan([*map(Path, pictures)], out=out) if server else plan_files(pictures, out=out, overlays=overlays)
    )
    done = list[PredictionFiles]()
    if options.skip_done:
        missing = list[PredictionFiles]()
        for files in plan:
            (done if _is_done(files, probabilities=options.probabilities) else missing).append(files)
        plan = missing
    predictor = _predictor(options)
    if server:
        server.require(predictor.labels)
    tiles = _tiling_rule(options, allows_tiles=predictor.allows_tiles)
    annotations = (
        AnnotationFiles(options.form, out=out, space=predictor.labels, tolerance=options.tolerance)
        if options.form
        else None
    )
    without_data, warned = 0, False
    failed, without_polygons, shares, started = 0, 0, dict[str, float](), time.perf_counter()
    with progress_bar() as progress:
        # Pictures that were left out have label maps, too: a data set of polygons holds all of them.
        left_out = done if annotations else []
        pictures_task = progress.add_task("predicting", total=len(plan) + len(left_out))
        tiles_task = progress.add_task("tiles", total=None, visible=False)

        def on_progress(done: int, whole: int) -> None:
            if done == 1:
                progress.reset(tiles_task)
            progress.update(tiles_task, completed=done, total=whole, visible=done < whole)

        outcomes = predict_files(
            predictor,
            plan,
            save=server.save if server else _save,
            paint=_paint(options),
            probabilities=options.probabilities,
            tiles=tiles,
            max_pixels=options.max_pixels,
            on_progress=on_progress,
        )
        for outcome in chain(outcomes, map(FileOutcome, left_out)):
            progress.advance(pictures_task)
            without_data += outcome.nodata > 0
            for name, share in outcome.shares.items():
                shares[name] = shares.get(name, 0.0) + share
            if outcome.narrow is not None and not warned:
                warned = True
                console.print(f"atrous predict: {_narrow_line(outcome)}", markup=False, soft_wrap=True)
            problem = outcome.problem
            failed += problem is not None
            if problem is None and annotations is not None:
                problem = annotations.add(outcome.files)
                without_polygons += problem is not None
            if problem is not None:
                console.print(f"atrous predict: {one_line(local.named(problem))}", markup=False, soft_wrap=True)
    if predictor.precision_reason:
        print(f"computed in {predictor.precision} ({predictor.precision_reason})")
    what = "label map and overlay" if overlays else "label map"
    print(f"{what} of {len(plan) - failed} of {len(plan)} pictures written to {options.out}")
    if without_data:
        print(f"{without_data} pictures have pixels without data, which are {predictor.labels.ignore} (ignore)")
    for line in annotations.finish() if annotations else ():
        print(line)
    if done:
        print(f"{len(done)} pictures were left out: their outputs exist")
    if shares:
        print(f"classes  {class_line(shares)}")
        seconds = (time.perf_counter() - started) / len(plan)
        print(f"time     {seconds:.2f} s per picture, reading and writing included")
    if failed:
        print(f"{failed} of {len(plan)} pictures failed, each named above")
    if without_polygons:
        print(f"{without_polygons} of {len(plan) + len(left_out)} pictures have no polygons, each named above")
    return SOME_FAILED if failed or without_polygons else 0


def _checked_range(bounds: tuple[float, float]) -> Ranges:
    try:
        return parse_ranges(bounds)
    except ValueError as error:
        raise InputError(f"--picture-{error}") from error


def _narrow_line(outcome: FileOutcome) -> str:
    return (
        f"{outcome.files.source} uses few of its 16 bits (values up to about {outcome.narrow}) and is predicted nearly "
        f"black, others of its kind, too; say which number is white: --picture-range 0 {outcome.narrow}"
    )


def _is_done(files: PredictionFiles, *, probabilities: bool) -> bool:
    outputs = [files.labels, files.overlay, _probabilities_file(files.labels) if probabilities else None]
    return all(output is None or output.is_file() for output in outputs)


def _check_video_options(options: Options, *more: str) -> None:
    """Refuse options that mean nothing for videos, and further ones."""
    for name in ("probabilities", "only", "server", "tile", "picture_range", *more):
        if getattr(options, name):
            option = {"form": "as"}.get(name, name.replace("_", "-"))
            raise InputError(f"--{option} is for pictures; leave it out for videos")
    if not options.overlay:
        raise InputError("an overlay is all that is written of a video; leave out --no-overlay")
    check_smoothing(options.smoothing)


def _video_predictor(options: Options) -> Predictor:
    beyond_labels = "smoothed probabilities" if options.smoothing else ""
    return options.inference.predictor(options.weights, beyond_labels=beyond_labels)


def _predict_videos(options: Options, videos: list[Path]) -> int:
    """Write DIR/NAME_overlay.mp4 for every video; returns the exit status."""
    _check_video_options(options)
    plan = plan_videos(videos, out=options.out)
    predictor = _video_predictor(options)

    def predict(video: Path, out: Path) -> WrittenVideo:
        with progress_callback("predicting") as on_progress:
            return predict_video(
                predictor,
                video,
                out,
                smoothing=options.smoothing,
                background=options.overlay_background,
                contours=options.contours,
                max_pixels=options.max_pixels,
                on_progress=on_progress,
            )

    return predict_videos(plan, predict, skip_done=options.skip_done)


def _predict_live(options: Options, source: LiveSource) -> int:
    """Write DIR/NAME_overlay.mp4 of a live source; returns the exit status."""
    _check_video_options(options, "form", "skip_done", "truncated")
    path = live_output(source, out=options.out)
    predictor = _video_predictor(options)

    def record(stop: Callable[[], bool], on_progress: Callable[[int, int], None]) -> Recording:
        return predict_live(
            predictor,
            source,
            path,
            stop=stop,
            seconds=options.seconds,
            smoothing=options.smoothing,
            background=options.overlay_background,
            contours=options.contours,
            max_pixels=options.max_pixels,
            patience=PATIENCE,
            on_progress=on_progress,
        )

    return predict_live_source(source, path, record)


def _tiling_rule(options: Options, *, allows_tiles: bool) -> TilingRule | None:
    """Tile all pictures where --tile is given, else those that would not fit into memory."""
    mean_over = "tile" if options.tile_means == "tile" else "image"
    if options.max_pixels < 1:
        raise InputError(f"--max-pixels {options.max_pixels} leaves no picture; give 1 or more")
    if options.tile is None:
        return (
            TilingRule(Tiling(overlap=options.overlap, mean_over=mean_over))
            if allows_tiles and not options.server
            else None
        )
    if options.server:
        raise InputError("--tile and --server do not go together; servers take pictures that are predicted whole")
    if not allows_tiles:
        raise InputError(
            "tiles are seen at scale 1, neither mirrored nor padded; leave out --tile, or the other options"
        )
    tiling = Tiling(size=options.tile, overlap=options.overlap, mean_over=mean_over)
    return TilingRule(tiling, above_pixels=0)
