"""The baseline that a network has to beat: the most frequent label of each colour."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from atrous.data.dataset import DataSet
from atrous.errors import InputError

_LEVELS = (32, 16, 8, 4, 1)
"""Cells per channel, from fine to coarse; the last is one cell, the most frequent label of all."""
_ENOUGH = 30
"""Training pixels that make a cell's answer better than that of the coarser cell around it."""
_PIXELS = 20_000
"""About how many pixels of an image are counted, evenly spaced: large images would take long and say no more."""


@dataclass(frozen=True)
class ColorClassifier:
    """Labels every pixel by its colour alone.

    Attributes:
        table: The label of each of 32 x 32 x 32 cells of red, green and blue.
    """

    table: Integer[np.ndarray, "32 32 32"]

    @classmethod
    def fit(cls, dataset: DataSet) -> "ColorClassifier":
        """Count the labels of every colour cell; cells with few pixels answer like the coarser cell around them."""
        counts = np.zeros((32, 32, 32, len(dataset.labels)), np.int64)
        for index in range(len(dataset)):
            sample = dataset[index]
            if sample.labels is None:
                raise InputError(f"{sample.name} has no labels; the colour classifier learns from masks")
            step = max(1, sample.labels.size // _PIXELS)
            colors, labels = sample.image.reshape(-1, 3)[::step] >> 3, sample.labels.reshape(-1)[::step]
            counted = labels != dataset.labels.ignore
            np.add.at(counts, (*colors[counted].T, labels[counted]), 1)
        answers = [_answers(counts, cells=cells) for cells in _LEVELS]
        table, _ = answers[-1]
        for best, seen in reversed(answers[:-1]):
            table = np.where(seen >= _ENOUGH, best, table)
        return cls(table)

    def predict(self, image: UInt8[np.ndarray, "h w 3"]) -> Integer[np.ndarray, "h w"]:
        """The label of every pixel."""
        red, green, blue = np.moveaxis(image >> 3, 2, 0)
        return self.table[red, green, blue]


def _answers(
    counts: Int64[np.ndarray, "32 32 32 k"], *, cells: int
) -> tuple[Int64[np.ndarray, "32 32 32"], Int64[np.ndarray, "32 32 32"]]:
    """The most frequent label of each coarse cell and how many pixels it has seen, spread over its fine cells."""
    width = 32 // cells
    coarse = counts.reshape(cells, width, cells, width, cells, width, -1).sum(axis=(1, 3, 5))
    grid = np.ix_(*[np.arange(32) // width] * 3)
    return coarse.argmax(axis=-1)[grid], coarse.sum(axis=-1)[grid]
