"""Tables of results on the test server of PASCAL VOC: the model is trained, and the server's files are written."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from atrous.data.dataset import DataSet, open_splits
from atrous.data.formats.lists import read_names
from atrous.data.published.voc import is_voc
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.predict_files import predict_files
from atrous.inference.predictor import Predictor
from atrous.inference.submission import VOC_SERVER
from atrous.papers.counts import row_counts
from atrous.papers.protocol import claim_folder, plain_protocol
from atrous.papers.scale import Scale
from atrous.papers.table import Inference, Training
from atrous.training.config import TrainConfig, least_norm_momentum
from atrous.training.observers import Observer
from atrous.training.recipes import recipe
from atrous.training.stages import SecondStage
from atrous.training.train_run import plan_stages, run_stages
from atrous.version import __version__

_PLACES = ("VOCdevkit/VOC2012", "VOC2012", ".")


@dataclass(frozen=True)
class ServerTable:
    """A table whose figures the test server measures.

    Attributes:
        name: Name on the command line.
        title: Content of the table.
        varies: The factors that tell its rows apart.
        row: Name of the paper's own row.
        paper: Its figure, mIoU in percent.
        others: Other rows and their figures.
        training: First stage of the paper's own row.
        inference: Its inference strategy.
    """

    name: str
    title: str
    varies: str
    row: str
    paper: float
    others: tuple[tuple[str, float], ...]
    training: Training
    inference: Inference


@dataclass(frozen=True)
class ServerRun:
    """A server table on a user's copy of PASCAL VOC.

    Attributes:
        table: The table.
        scale: Settings that shrink the training.
        data: Folder of PASCAL VOC with the pictures of the test set.
        splits: Training data of both stages, by split.
        out: Folder of the results.
        device: Device to compute on.
        workers: Number of processes that load data.
    """

    table: ServerTable
    scale: Scale
    data: Path
    splits: dict[str, DataSet]
    out: Path
    device: torch.device
    workers: int = 0

    def settings(self) -> tuple[TrainConfig, SecondStage]:
        """Settings of both stages; with weights from COCO both have the smaller rate (recipe `voc-coco`)."""
        start = recipe("voc-coco" if self.scale.coco_weights else "voc")
        first = next(iter(self.splits.values()))
        training = replace(self.table.training, start="COCO" if self.scale.coco_weights else "ImageNet")
        config = self.scale.train_config(
            training, own_recipe="voc", classes=len(first.labels), in_channels=first[0].image.shape[2]
        )
        second = replace(start.second, second_iterations=self.scale.iterations or start.second.second_iterations)
        # The second stage may be shorter than the first is meant for; its norms are frozen.
        momentum = max(config.norm_momentum, least_norm_momentum(second.second_iterations))
        return replace(config, workers=self.workers, norm_momentum=momentum), second

    def run(self, *, on_progress: Callable[[str, int, int], None] = lambda *_: None) -> Path:
        """Train both stages and predict the test set; returns the archive for the server.

        Raises:
            InputError: If the folder holds results of another protocol, training fails, or a picture cannot be read.
        """
        config, second = self.settings()
        about: dict[str, Any] = {
            "table": self.table.name,
            "scale": self.scale,
            "training": replace(config, workers=0),
            "second stage": second,
            "inference": self.table.inference,
            "data": {split: data.describe() for split, data in self.splits.items()},
            "software": f"atrous {__version__}, torch {torch.__version__}",
        }
        claim_folder(self.out, plain_protocol(about))
        pictures = pictures_of_test_set(self.data)
        split = next(iter(self.splits))
        stages = plan_stages(
            config, second, data=self.splits, split=split, validation=None, out=self.out / "runs" / "model"
        )
        trained = run_stages(stages, device=self.device, observers=[_StageSteps(on_progress)])
        inference = self.table.inference
        predictor = Predictor(
            trained.last,
            output_stride=inference.output_stride,
            scales=inference.scales,
            flip=inference.flip,
            device=self.device,
        )
        VOC_SERVER.require(predictor.labels)
        plan = VOC_SERVER.plan(pictures, out=self.out)
        for done, outcome in enumerate(predict_files(predictor, plan, save=VOC_SERVER.save), start=1):
            if outcome.problem is not None:
                raise InputError(outcome.problem)
            on_progress(f"{self.table.row}: predicting the test set", done, len(plan))
        self._write_table(config)
        return _packed(self.out, [files.labels for files in plan if files.labels is not None])

    def _write_table(self, config: TrainConfig) -> None:
        """Write `table.json`; the server alone knows our figure."""
        counts = row_counts(config.model, self.table.inference, size=(513, 513), classes=21)
        row = {
            "name": self.table.row,
            "paper": self.table.paper,
            "ours": None,
            "interval": None,
            "multiply_adds": counts.padded,
            "parameters": counts.parameters,
            "seconds": None,
        }
        with atomic_path(self.out / "table.json") as temporary:
            temporary.write_text(json.dumps({"rows": [row]}, indent=2) + "\n", encoding="utf-8")


class _StageSteps(Observer):
    """Reports the steps of each stage."""

    def __init__(self, on_progress: Callable[[str, int, int], None]) -> None:
        self._on_progress = on_progress

    def on_start(self, start: Any) -> None:
        """Remember the stage."""
        self._total = start.iterations
        self._stage = "first" if start.folder.name.startswith("stage") else "second"

    def on_step(self, progress: Any) -> None:
        """Report the steps."""
        self._on_progress(f"training, {self._stage} stage", progress.iteration, self._total)


def open_server_run(
    table: ServerTable,
    data: Path,
    *,
    scale: Scale,
    out: Path,
    split: str | None = None,
    device: torch.device,
    workers: int = 0,
) -> ServerRun:
    """Open the data of a server table; arguments as for `rerun.open_experiment`.

    Raises:
        InputError: If the data is not PASCAL VOC, or lacks a part.
    """
    if not (data.is_dir() and is_voc(data)):
        raise InputError(f"{data} is not PASCAL VOC; {table.name} is about its test server")
    pictures_of_test_set(data)
    splits = open_splits(data, splits=[split or "trainaug", "trainval"])
    return ServerRun(table, scale, data, splits, out, device, workers)


def pictures_of_test_set(data: Path) -> list[Path]:
    """Pictures of the test set, in the order of its list.

    Raises:
        InputError: If the list or a picture is missing.
    """
    root = next((data / place for place in _PLACES if (data / place / "JPEGImages").is_dir()), data)
    names = root / "ImageSets/Segmentation/test.txt"
    if not names.is_file():
        raise InputError(f"{names} is missing; extract the test archive of PASCAL VOC 2012 over the folder")
    pictures = [root / f"JPEGImages/{name}.jpg" for name in read_names(names)]
    missing = next((picture for picture in pictures if not picture.is_file()), None)
    if missing is not None:
        raise InputError(f"{missing} is missing; extract the test archive of PASCAL VOC 2012 over the folder")
    return pictures


def _packed(out: Path, files: list[Path]) -> Path:
    """Pack the label maps as the server takes them."""
    archive = out / "results.zip"
    with atomic_path(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as packed:
        for file in files:
            packed.write(file, file.relative_to(out))
    return archive
