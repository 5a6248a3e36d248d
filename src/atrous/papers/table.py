"""A table of a paper: rows that are trained and evaluated, each with the figure that the paper prints."""

from dataclasses import dataclass
from typing import Literal

from atrous.model.config import ModelConfig
from atrous.sizes import Size

PAPER_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
"""Scales of multi-scale inference on PASCAL VOC (DeepLabv3, section 4.1)."""

PAPER_CROP, PAPER_BATCH = 513, 16
"""Side of a crop in pixels, and crops per step, of the papers' protocol on PASCAL VOC."""

Start = Literal["ImageNet", "COCO", "JFT"]


@dataclass(frozen=True)
class Training:
    """The part of a training that a row may vary; all else is the protocol's, alike for all rows.

    Attributes:
        model: The network with its output stride in training.
        crop: Sides of a crop, as a multiple of the protocol's.
        batch_size: Crops per step, as a multiple of the protocol's batch size.
        norms: `trained`, or `frozen`: running statistics fixed (DeepLabv3, Table 8).
        labels: `full`, or `coarse`: shrunk to the logits (DeepLabv3, Table 8).
        start: Pretraining that the weights start from.
    """

    model: ModelConfig
    crop: float = 1.0
    batch_size: float = 1.0
    norms: Literal["trained", "frozen"] = "trained"
    labels: Literal["full", "coarse"] = "full"
    start: Start = "ImageNet"


@dataclass(frozen=True)
class Inference:
    """The inference strategy of a row.

    Attributes:
        output_stride: Output stride of the network in evaluation.
        scales: Image sizes whose probabilities are averaged.
        flip: True if the mirrored images are averaged, too.
    """

    output_stride: int = 16
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    @property
    def views(self) -> int:
        """Number of forward passes per picture."""
        return len(self.scales) * (2 if self.flip else 1)

    @property
    def words(self) -> str:
        """The strategy as the papers write it, as `OS 8, MS, flip`."""
        return ", ".join([f"OS {self.output_stride}", *["MS"] * (len(self.scales) > 1), *["flip"] * self.flip])


@dataclass(frozen=True)
class Row:
    """A row, or a cell where the paper's table has two dimensions.

    Attributes:
        name: Name that no other row of the table has.
        cells: Values in the paper's own columns.
        paper: Figure that the paper prints, mIoU in percent; None if it prints none.
        training: The training; rows with equal ones share it.
        inference: The inference strategy.
        printed: Multiply-adds that the paper prints, in billions; None if it prints none.
        x: Place on the x axis of the table's plot; None for none.
        curve: Curve of the plot that the row is a point of.
        trimap: Width in pixels of the band that alone is counted; None counts whole images.
    """

    name: str
    cells: tuple[str, ...]
    paper: float | None
    training: Training
    inference: Inference = Inference()
    printed: float | None = None
    x: int | None = None
    curve: str = ""
    trimap: int | None = None


@dataclass(frozen=True)
class Conclusion:
    """A statement of the paper: one row is better than another.

    Attributes:
        text: The statement.
        better: Name of the better row.
        worse: Name of the other row.
        paper: Difference that the paper prints, where the rows have no figures; in points of mIoU.
    """

    text: str
    better: str
    worse: str
    paper: float | None = None


@dataclass(frozen=True)
class PaperTable:
    """A table that is re-run on the user's data.

    Attributes:
        name: Name on the command line, as `v3-table3`.
        title: Network and setting of the table.
        varies: The factors that tell its rows apart.
        columns: Heads of the paper's own columns.
        rows: The rows in the paper's order.
        conclusions: Statements that the table supports.
        x_label: Label of the plot's x axis; without it the plot has bars.
        recipe: Training protocol that the paper uses, as a recipe's name.
        size: (height, width) in pixels of the images that multiply-adds are counted for.
        classes: Number of classes that they are counted for.
    """

    name: str
    title: str
    varies: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    conclusions: tuple[Conclusion, ...] = ()
    x_label: str = ""
    recipe: str = "voc"
    size: Size = (513, 513)
    classes: int = 21

    def row(self, name: str) -> Row:
        """Return the row of a name; raises StopIteration if there is none."""
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True)
class OmittedTable:
    """A table that is listed but not re-run.

    Attributes:
        name: Name on the command line.
        title: Content of the table.
        varies: The factors that tell its rows apart.
        figures: Figures that the paper prints, by row.
        reason: Reason why it is not re-run.
    """

    name: str
    title: str
    varies: str
    figures: tuple[tuple[str, float], ...]
    reason: str
