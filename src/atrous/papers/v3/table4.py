"""DeepLabv3, Table 4: inference strategies, ResNet-101 with block7 and Multi_Grid (1, 2, 1), trained at stride 16."""

from atrous.papers.networks import cascade, cascade_backbone
from atrous.papers.table import PAPER_SCALES, Conclusion, Inference, PaperTable, Row, Training

TRAINING = Training(cascade(cascade_backbone(101, last_block=7, multi_grid=(1, 2, 1))))

ROWS = (
    # output stride, scales, flip; paper
    (Inference(16), 76.66),
    (Inference(8), 78.05),
    (Inference(8, PAPER_SCALES), 78.93),
    (Inference(8, PAPER_SCALES, flip=True), 79.35),
)

TABLE = PaperTable(
    name="v3-table4",
    title="Inference strategies, ResNet-101 with block7 and Multi_Grid (1, 2, 1)",
    varies="output stride in evaluation, scales, flip",
    columns=("inference",),
    rows=tuple(Row(inference.words, (inference.words,), paper, TRAINING, inference) for inference, paper in ROWS),
    conclusions=(
        Conclusion("evaluating at output stride 8 beats 16", "OS 8", "OS 16"),
        Conclusion("several scales beat one", "OS 8, MS", "OS 8"),
        Conclusion("flipping helps", "OS 8, MS, flip", "OS 8, MS"),
    ),
)
