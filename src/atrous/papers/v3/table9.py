"""DeepLabv3, Table 9: batch size in training, ResNet-101 with ASPP, output stride 16."""

from atrous.papers.networks import resnet101
from atrous.papers.table import PAPER_BATCH, Conclusion, PaperTable, Row, Training

PRINTED = {4: 64.43, 8: 75.76, 12: 76.49, 16: 77.21}


def _name(batch_size: int) -> str:
    return f"batch size {batch_size}"


TABLE = PaperTable(
    name="v3-table9",
    title="Batch size, ResNet-101 with ASPP, output stride 16",
    varies="batch size; at another scale, the same shares of its batch size",
    columns=("batch size",),
    rows=tuple(
        Row(_name(size), (str(size),), paper, Training(resnet101(), batch_size=size / PAPER_BATCH), x=size)
        for size, paper in PRINTED.items()
    ),
    conclusions=(
        Conclusion("batch size 8 beats 4", _name(8), _name(4)),
        Conclusion("batch size 12 beats 8", _name(12), _name(8)),
        Conclusion("batch size 16 beats 12", _name(16), _name(12)),
    ),
    x_label="batch size",
)
