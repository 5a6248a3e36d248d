"""Evaluation in one call: weights and data by path, name or object."""

from pathlib import Path
from typing import Any

from atrous.data import dataset
from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation import evaluate as loop
from atrous.evaluation.report import Report
from atrous.inference.predictor import Model, Predictor
from atrous.weights.archive import Archive


def open_data(path: str | Path, *, split: str = "train", schema: str | Path | None = None) -> DataSet:
    """Open a split of a folder of images and masks, or of a published data set.

    Args:
        path: The folder.
        split: `train`, `val`, or another split that the folder has.
        schema: The meaning of the masks, if it is not in the folder.

    Raises:
        InputError: If the folder is missing, of no known layout, or contradicts itself.
    """
    return dataset.open_data(Path(path), split=split, schema=None if schema is None else Path(schema))


def evaluate(
    weights: str | Path | Archive | Model | Predictor,
    data: str | Path | DataSet,
    *,
    split: str = "val",
    schema: str | Path | None = None,
    **inference: Any,
) -> Report:
    """Evaluate weights on a labelled data set; `print(report.to_text())` shows mIoU and the table of classes.

    Args:
        weights: A file, a run folder (its last weights), a name, an archive, a model or a predictor.
        data: A folder, or an open data set.
        split: Split of a folder.
        schema: The meaning of the masks of a folder, if it is not in the folder.
        inference: Settings of `Predictor`: `output_stride`, `scales`, `flip`, `pad`, `device`.

    Raises:
        InputError: If weights or data cannot be used, their classes differ, the data has labels of one class alone,
            or a predictor, which has its settings, is given others.
    """
    if isinstance(weights, Predictor) and inference:
        raise InputError(f"the predictor has its own settings; give {', '.join(inference)} when you make it")
    opened = open_data(data, split=split, schema=schema) if isinstance(data, str | Path) else data
    loop.require_several_classes(opened)
    predictor = weights if isinstance(weights, Predictor) else Predictor(weights, **inference)
    return loop.evaluate(predictor, opened)
