"""`atrous evaluate WEIGHTS --data DIR --split val`, and the comparison of two reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import tyro

from atrous.cli.console import progress_callback
from atrous.cli.inference import Inference, load_weights
from atrous.cli.options import parse
from atrous.data.dataset import DataSet, open_data
from atrous.data.formats.truncated import accept_truncated
from atrous.errors import InputError
from atrous.evaluation.comparison import VariedField, compare, comparison_table
from atrous.evaluation.evaluate import evaluate, require_several_classes
from atrous.evaluation.report import MAX_IMAGES, Report
from atrous.evaluation.saved import read_report
from atrous.extras import require
from atrous.inference.engines.open_engine import is_exported


@dataclass(frozen=True)
class Options:
    """Mean IoU, per-class table and protocol of weights on a labelled data set.

    Every image is predicted whole; one confusion matrix counts all of them. Two reports are compared by
    `atrous evaluate --compare A.json B.json`; --across names settings of the protocol that may differ.

    Example: atrous evaluate runs/street/best.safetensors --data street/ --split val --output-stride 8 --json val.json
    """

    weights: tyro.conf.Positional[str]
    """An archive, a run folder, a file of another project, hf://user/name, a name that `atrous weights` lists, or an
    exported file."""
    data: Path
    """Folder of images/ and masks/, or CamVid in the SegNet layout."""
    split: str = "val"
    """Split of the data."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    truncated: bool = False
    """Read JPEGs whose end is missing, as train --truncated does."""
    pair_by_order: bool = False
    """Pair pictures with masks whose names have nothing in common by their order."""
    json: Path | None = None
    """Write numbers, protocol, confusion matrix and the counts of every image to this file."""
    html: Path | None = None
    """Write a page with table, curves, confusion and all images to this file, and a .csv of the images beside it."""
    ray: bool = False
    """Evaluate on the Ray cluster that RAY_ADDRESS names, or else on this machine alone: the same numbers (needs the
    extra `ray`)."""
    workers: int | None = None
    """With --ray: number of models that compute at a time. None: one for each processor of the cluster."""
    inference: Inference = field(default_factory=Inference)


@dataclass(frozen=True)
class CompareOptions:
    """Compare two reports of `atrous evaluate --json` class by class, with the interval of their difference.

    Reports of unlike protocols are refused, with the first field that differs. The interval is of a bootstrap that
    draws the same images, or video sequences, for both.

    Example: atrous evaluate --compare before.json after.json
    """

    compare: tuple[Path, Path]
    """The reports: A and B."""
    across: tuple[VariedField, ...] = ()
    """Settings of the protocol that may differ between the reports."""


def main(arguments: Sequence[str]) -> int:
    """Evaluate and print; returns the exit status."""
    if any(argument.partition("=")[0] == "--compare" for argument in arguments):
        return _compare(arguments)
    options = parse(Options, _with_data_named(arguments), verb="evaluate")
    accept_truncated(accepted=options.truncated)
    dataset = open_data(options.data, split=options.split, schema=options.schema, pair_by_order=options.pair_by_order)
    if options.inference.precision == "auto":
        raise InputError("--precision auto: a result states its precision; give float32, float16 or bfloat16")
    if options.workers is not None and not options.ray:
        raise InputError("--workers is an option of --ray; add it, or leave it out")
    require_several_classes(dataset)
    shown = MAX_IMAGES if options.html else 0
    report = _on_ray(options, dataset, shown) if options.ray else _here(options, dataset, shown)
    print(report.to_text())
    if options.json is not None:
        report.write_json(options.json)
        print(f"numbers  {options.json}")
    if options.html is not None:
        report.write_html(options.html)
        report.write_csv(options.html.with_suffix(".csv"))
        print(f"page     {options.html}")
        print(f"by image {options.html.with_suffix('.csv')}")
    return 0


def _here(options: Options, dataset: DataSet, shown: int) -> Report:
    predictor = options.inference.predictor(options.weights)
    with progress_callback("evaluating") as on_progress:
        return evaluate(predictor, dataset, gallery=shown, on_progress=on_progress)


def _on_ray(options: Options, dataset: DataSet, shown: int) -> Report:
    require("ray.data", extra="ray", purpose="atrous evaluate --ray")
    from atrous.scale.evaluate import evaluate_on_cluster  # only now: it imports Ray

    if options.workers is not None and options.workers < 1:
        raise InputError(f"--workers {options.workers} computes nothing; give 1 or more")
    if options.inference.engine != "torch":
        raise InputError("--engine may choose otherwise on other machines; leave it out with --ray")
    if options.truncated:
        raise InputError("--truncated is for one machine; leave it out, or leave out --ray")
    weights = Path(options.weights)
    if not is_exported(weights):
        weights = load_weights(options.weights, options.inference.weight_settings)
    make_predictor = partial(options.inference.predictor_of, weights)
    with progress_callback("evaluating") as on_progress:
        return evaluate_on_cluster(
            make_predictor, dataset, workers=options.workers, gallery=shown, on_progress=on_progress
        )


def _with_data_named(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--data` before a second one without a name: `atrous evaluate RUN DATA`."""
    words = [*arguments]
    if len(words) > 1 and not any(word.startswith("-") for word in words[:2]):
        words.insert(1, "--data")
    return words


def _compare(arguments: Sequence[str]) -> int:
    """Compare and print; returns the exit status."""
    options = parse(CompareOptions, arguments, verb="evaluate")
    first, second = (read_report(path) for path in options.compare)
    rows = compare(first, second, across=options.across)
    print(comparison_table(rows).to_text())
    print()
    for letter, path, report in zip("AB", options.compare, (first, second), strict=True):
        print(f"{letter}  {path}  weights {report.protocol.weights_sha256 or 'not from a file'}")
    drawn = rows[-1].interval
    print(
        f"intervals: {drawn.confidence:.0%} of {drawn.resamples} draws of {drawn.blocks} images or sequences, paired"
        if drawn
        else "no intervals: they take counts of two images, or of more than ten frames of a video"
    )
    return 0
