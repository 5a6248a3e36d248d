"""DeepLabv3, Table 12: inference strategies on Cityscapes val, trained on the fine labels at output stride 16."""

from atrous.papers.networks import resnet101
from atrous.papers.table import Conclusion, Inference, PaperTable, Row, Training

TRAINING = Training(resnet101())
SCALES = (0.75, 1.0, 1.25)

ROWS = (
    # output stride, scales, flip; paper
    (Inference(16), 77.23),
    (Inference(8), 77.82),
    (Inference(8, SCALES), 79.06),
    (Inference(8, SCALES, flip=True), 79.30),
)

TABLE = PaperTable(
    name="v3-table12",
    title="Inference strategies on Cityscapes, ResNet-101 with ASPP",
    varies="output stride in evaluation, scales, flip",
    columns=("inference",),
    rows=tuple(Row(inference.words, (inference.words,), paper, TRAINING, inference) for inference, paper in ROWS),
    conclusions=(
        Conclusion("evaluating at output stride 8 beats 16", "OS 8", "OS 16"),
        Conclusion("several scales beat one", "OS 8, MS", "OS 8"),
        Conclusion("flipping helps", "OS 8, MS, flip", "OS 8, MS"),
    ),
    recipe="cityscapes",
    size=(1025, 2049),
    classes=19,
)
