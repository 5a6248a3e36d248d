"""Settings of weights that no tensor states, as options of the verbs that take weights of other projects."""

import sys
from dataclasses import dataclass

from atrous.importers.overrides import Overrides
from atrous.report.wording import one_line
from atrous.weights.archive import Archive


@dataclass(frozen=True)
class WeightSettings:
    """Settings that are stated for weights of other projects; by default those of the file, or else of its project."""

    align_corners: bool | None = None
    """True if the network upsamples with aligned corners."""
    mean: tuple[float, ...] | None = None
    """Subtracted from the pixels: one number or one per channel; of 0..1 if all of mean and std are at most 1, else of
    0..255."""
    std: tuple[float, ...] | None = None
    """Divisor after that, in the same range."""
    rates: tuple[int, ...] | None = None
    """ASPP rates at output stride 16 (half of those at 8)."""
    multi_grid: tuple[int, int, int] | None = None
    """Multi_Grid of a ResNet's last block."""
    pool_window: tuple[int, int] | None = None
    """Height and width in pixels of the windows of image pooling."""
    stride_in_1x1: bool | None = None
    """True if the bottlenecks of a ResNet stride in their first 1x1 convolution (Caffe), False for the 3x3."""
    key: str | None = None
    """Name of the state dict to take, where a checkpoint has several."""

    def overrides(self, *, output_stride: int | None = None) -> Overrides:
        """The settings as the importers take them."""
        return Overrides(output_stride=output_stride, **vars(self))


def tell_choices(archive: Archive) -> None:
    """Print, on the error stream, what was assumed and chosen in reading weights of other projects."""
    if "assumed" in archive.provenance:
        print(f"assumed  {one_line(str(archive.provenance['assumed']))}", file=sys.stderr)
    notes = archive.provenance.get("notes")
    for note in notes if isinstance(notes, list) else ():
        print(f"note     {one_line(str(note))}", file=sys.stderr)
