"""DeepLabv3, Table 8: crop size, upsampled logits and batch norm, ResNet-101 with ASPP, output stride 16."""

from atrous.papers.networks import resnet101
from atrous.papers.table import PAPER_CROP, Conclusion, PaperTable, Row, Training

NETWORK = resnet101()

ROWS = (
    # crop, upsampled logits, batch norm fine-tuned; training, paper
    ("513", "yes", "yes", Training(NETWORK), 77.21),
    ("513", "yes", "no", Training(NETWORK, norms="frozen"), 75.95),
    ("513", "no", "yes", Training(NETWORK, labels="coarse"), 76.01),
    ("321", "yes", "yes", Training(NETWORK, crop=(321 - 1) / (PAPER_CROP - 1)), 67.22),
)

ALL, FROZEN, COARSE, SMALL = "as the paper", "batch norm frozen", "labels shrunk to the logits", "crop of 321"

TABLE = PaperTable(
    name="v3-table8",
    title="Training protocol, ResNet-101 with ASPP, output stride 16",
    varies="crop size, upsampled logits, fine-tuning of batch norm",
    columns=("crop", "upsampled logits", "batch norm"),
    rows=tuple(
        Row(name, (crop, upsampled, norms), paper, training)
        for name, (crop, upsampled, norms, training, paper) in zip((ALL, FROZEN, COARSE, SMALL), ROWS, strict=True)
    ),
    conclusions=(
        Conclusion("fine-tuning batch norm helps", ALL, FROZEN),
        Conclusion("upsampling the logits beats shrinking the labels", ALL, COARSE),
        Conclusion("a large crop beats a small one", ALL, SMALL),
    ),
)
