"""`atrous demo`: trains and evaluates on generated scenes and writes one page with pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atrous.cli.console import progress_callback, tracked
from atrous.cli.options import parse
from atrous.cli.training_display import TerminalDisplay
from atrous.data.cache import CachedDataSet
from atrous.data.dataset import DataSet, open_data
from atrous.data.schema import SCHEMA_FILE
from atrous.demo.color_classifier import ColorClassifier
from atrous.demo.scenes import SCENE_LABELS, write_scenes
from atrous.errors import InputError
from atrous.evaluation.confusion import ConfusionMatrix
from atrous.evaluation.counts import block_overlaps
from atrous.evaluation.evaluate import evaluate
from atrous.evaluation.example import predicted
from atrous.evaluation.metrics import miou, overlap_miou
from atrous.evaluation.report import MAX_IMAGES, Report
from atrous.inference.device import choose_device
from atrous.inference.predictor import Predictor
from atrous.model.config import ASPPConfig, ModelConfig
from atrous.model.deeplab import DeepLab
from atrous.model.presets import preset
from atrous.report.page import Page
from atrous.report.tables import Table
from atrous.training.config import TrainConfig, least_norm_momentum
from atrous.training.imagenet_start import EFFICIENTNET, ImageNetStart, imagenet_start, imagenet_weights
from atrous.training.recipes import recipe
from atrous.training.report import add_curves
from atrous.training.run import Run
from atrous.training.stages import Stage
from atrous.training.train_run import run_stages
from atrous.weights.load import load

SCALES = (0.75, 1.0, 1.25)
"""Scales of the last row: three of the six of the papers (DeepLabv3, section 4.1), to save time."""
TRAIN_SCENES, VAL_SCENES = 160, 24


@dataclass(frozen=True)
class Options:
    """Generate labelled scenes, train DeepLabv3+ on them, evaluate it, and write one page with pictures.

    Starts from EfficientNet-Lite0's ImageNet weights where they are installed, otherwise from random weights. Takes
    about three minutes on two cores and downloads nothing.

    Example: atrous demo --out demo
    """

    out: Path = Path("demo")
    """Folder for data, run and page; created if missing."""
    iterations: int | None = None
    """Number of training steps; by default 180 from ImageNet weights, 350 from random weights."""
    seed: int = 0
    """Seed of scenes and initial weights."""
    device: str = "auto"
    """Device to compute on."""


def main(arguments: Sequence[str]) -> int:
    """Run the demo; returns the exit status."""
    options = parse(Options, arguments, verb="demo", default=Options())
    device = choose_device(options.device)
    config = _config(options)
    data, validation = _scenes(options.out / f"scenes-{options.seed}", seed=options.seed)
    print(f"start    {config.backbone_weights or 'random weights; better: pip install atrous[imagenet]'}")
    run = Run(options.out / "run", settings={"training": config, "data": data.describe()})
    stage = Stage(config, data, validation, run)
    run_stages([stage], device=device, observers=[TerminalDisplay([stage], of_papers=False)])
    model = load(run.last).model.to(device)
    reports = _evaluations(model, validation)
    baseline = _color_baseline(data, validation)
    predictor = Predictor(model, labels=data.labels)
    page = _page(reports, baseline, predictor=predictor, run=run, data=validation, start=config.backbone_weights)
    page.write(options.out / "report.html")
    scores = ", ".join(f"{report.miou or 0.0:.3f} ({name})" for name, report in reports.items())
    print(f"mIoU     {scores}; {baseline:.3f} (colours alone)")
    print(f"weights  {run.last}")
    print(f"page     {options.out / 'report.html'}  <- open this in a browser")
    return 0


def _config(options: Options) -> TrainConfig:
    """Settings of the recipe with the options; the norm momentum is raised for short runs."""
    start = imagenet_start()
    config = _from_imagenet(start) if start.preset == EFFICIENTNET else recipe("scenes").config
    iterations = config.iterations if options.iterations is None else options.iterations
    if iterations < 1:
        raise InputError(f"--iterations {iterations}: give at least 1")
    return replace(
        config,
        model=replace(config.model, classes=len(SCENE_LABELS)),
        iterations=iterations,
        norm_momentum=max(config.norm_momentum, least_norm_momentum(iterations)),
        seed=options.seed,
    )


def _from_imagenet(start: ImageNetStart) -> TrainConfig:
    """Settings for a trained backbone: a head of half the channels, fewer steps, and a shorter moving average."""
    model = _narrow(preset(start.preset), channels=128)
    return replace(
        recipe("scenes").config,
        model=model,
        backbone_weights=imagenet_weights(model.backbone),
        iterations=180,
        learning_rate=0.3,
        ema_decay=0.95,
        validate_every=90,
    )


def _narrow(model: ModelConfig, *, channels: int) -> ModelConfig:
    """Return a DeepLabv3+ with so many channels in ASPP and decoder: eight classes of few images need no more."""
    assert isinstance(model.head, ASPPConfig)
    assert model.decoder is not None
    head = replace(model.head, aspp_channels=channels, projection=((1, channels, False),))
    refinement = tuple((kernel, channels, separable) for kernel, _, separable in model.decoder.refinement)
    return replace(model, head=head, decoder=replace(model.decoder, refinement=refinement))


def _scenes(folder: Path, *, seed: int) -> tuple[DataSet, DataSet]:
    """Return the generated data set; it is drawn unless a complete one is in the folder."""
    if not (folder / SCHEMA_FILE).exists():  # written last
        with progress_callback("drawing scenes") as on_progress:
            write_scenes(folder, train=TRAIN_SCENES, val=VAL_SCENES, seed=seed, on_progress=on_progress)
    data, validation = (CachedDataSet(open_data(folder, split=split)) for split in ("train", "val"))
    if (len(data), len(validation)) != (TRAIN_SCENES, VAL_SCENES):
        raise InputError(f"{folder} holds other data than the demo's; choose another --out")
    return data, validation


def _evaluations(model: DeepLab, data: DataSet) -> dict[str, Report]:
    """Evaluate two of the papers' inference strategies: one scale, and several with flip (Table 6)."""
    predictors = {
        "output stride 16": Predictor(model, labels=data.labels),
        "output stride 16, three scales, flip": Predictor(model, labels=data.labels, scales=SCALES, flip=True),
    }
    items = tracked(predictors.items(), description="evaluating", total=len(predictors))
    return {name: evaluate(predictor, data, gallery=MAX_IMAGES) for name, predictor in items}


def _color_baseline(data: DataSet, validation: DataSet) -> float:
    """Return the mIoU (0..1) of a classifier that sees the colour of one pixel, trained on the same images."""
    classifier, confusion = ColorClassifier.fit(data), ConfusionMatrix(len(data.labels))
    for index in range(len(validation)):
        sample = validation[index]
        if sample.labels is not None:
            confusion.update(classifier.predict(sample.image), sample.labels, ignore=data.labels.ignore)
    return miou(confusion.matrix)


def _good_median_worst(report: Report) -> list[int]:
    """Numbers of three images of a data set: those of the best, the median and the worst mean IoU."""
    scores = [float(overlap_miou(block_overlaps([image], classes=len(report.space))[0])) for image in report.images]
    ranked = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [ranked[0], ranked[len(ranked) // 2], ranked[-1]]


def _page(
    reports: Mapping[str, Report],
    baseline: float,
    *,
    predictor: Predictor,
    run: Run,
    data: DataSet,
    start: str | None,
) -> Page:
    """Build the page: scores, pictures, training curves, evaluation."""
    first, *_ = reports.values()
    page = Page("atrous demo", f"DeepLabv3+ on generated scenes, trained from {start or 'random weights'}")
    page.heading("Result")
    rows = [(name, report.miou, report.pixel_accuracy) for name, report in reports.items()]
    rows.append(("per-pixel colour classifier, same training images", baseline, None))
    page.table(Table(("inference", "mIoU", "pixel accuracy"), tuple(rows), formats=("", ".3f", ".3f")))
    ratio = (first.miou or 0.0) / max(baseline, 1e-9)
    page.text(f"At output stride 16 the network scores {ratio:.1f} times what colours alone reach.")
    page.heading("Good, median, worst", "Three validation scenes, which training never saw, by their mean IoU.")
    page.legend(data.labels)
    for index in _good_median_worst(first):
        example = predicted(predictor, data[index], space=data.labels)
        page.pictures(example.pictures(data.labels), columns=4)
    add_curves(page, run.records())
    first.add_to(page)
    return page
