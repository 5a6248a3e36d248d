"""DeepLabv3, Table 1: ResNet-50 with block7 at output strides 8 to 256."""

from atrous.papers.networks import cascade, cascade_backbone
from atrous.papers.table import Conclusion, Inference, PaperTable, Row, Training

PRINTED = {8: 75.18, 16: 73.88, 32: 70.06, 64: 59.99, 128: 42.34, 256: 20.29}


def _name(output_stride: int) -> str:
    return f"output stride {output_stride}"


TABLE = PaperTable(
    name="v3-table1",
    title="ResNet-50 with block7 at output strides 8 to 256",
    varies="output stride",
    columns=("output stride",),
    rows=tuple(
        Row(
            _name(stride),
            (str(stride),),
            paper,
            Training(cascade(cascade_backbone(50, last_block=7), output_stride=stride)),
            Inference(output_stride=stride),
            x=stride,
        )
        for stride, paper in PRINTED.items()
    ),
    conclusions=(
        Conclusion("output stride 8 beats 16", _name(8), _name(16)),
        Conclusion("output stride 16 beats 32", _name(16), _name(32)),
        Conclusion("output stride 32 beats 64", _name(32), _name(64)),
        Conclusion("output stride 64 beats 128", _name(64), _name(128)),
        Conclusion("output stride 128 beats 256", _name(128), _name(256)),
    ),
    x_label="output stride",
)
