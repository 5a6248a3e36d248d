"""DeepLabv3, Table 6: inference strategies and COCO, ResNet-101 with ASPP and image pooling, trained at stride 16."""

from dataclasses import replace

from atrous.papers.networks import resnet101
from atrous.papers.table import PAPER_SCALES, Conclusion, Inference, PaperTable, Row, Training

TRAINING = Training(resnet101())

ROWS = (
    # name, training, inference; paper
    ("OS 16", TRAINING, Inference(16), 77.21),
    ("OS 8", TRAINING, Inference(8), 78.51),
    ("OS 8, MS", TRAINING, Inference(8, PAPER_SCALES), 79.45),
    ("OS 8, MS, flip", TRAINING, Inference(8, PAPER_SCALES, flip=True), 79.77),
    ("OS 8, MS, flip, COCO", replace(TRAINING, start="COCO"), Inference(8, PAPER_SCALES, flip=True), 82.70),
)

TABLE = PaperTable(
    name="v3-table6",
    title="Inference strategies, ResNet-101 with Multi_Grid (1, 2, 4), ASPP (6, 12, 18) and image pooling",
    varies="output stride in evaluation, scales, flip, pretraining on COCO",
    columns=("inference",),
    rows=tuple(Row(name, (name,), paper, training, inference) for name, training, inference, paper in ROWS),
    conclusions=(
        Conclusion("evaluating at output stride 8 beats 16", "OS 8", "OS 16"),
        Conclusion("several scales beat one", "OS 8, MS", "OS 8"),
        Conclusion("flipping helps", "OS 8, MS, flip", "OS 8, MS"),
        Conclusion("pretraining on COCO helps", "OS 8, MS, flip, COCO", "OS 8, MS, flip"),
    ),
)
