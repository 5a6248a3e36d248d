"""DeepLabv3+, Table 6: results on the PASCAL VOC 2012 test set."""

from atrous.papers.networks import xception
from atrous.papers.server import ServerTable
from atrous.papers.table import PAPER_SCALES, Inference, Training

TABLE = ServerTable(
    name="v3plus-table6",
    title="PASCAL VOC 2012 test set, DeepLabv3+",
    varies="method",
    row="DeepLabv3+ (Xception)",
    paper=87.8,
    others=(
        ("Deep Layer Cascade", 82.7),
        ("TuSimple", 83.1),
        ("Large Kernel Matters", 83.6),
        ("Multipath-RefineNet", 84.2),
        ("ResNet-38 MS COCO", 84.9),
        ("PSPNet", 85.4),
        ("DeepLabv3", 85.7),
        ("IDW-CNN", 86.3),
        ("CASIA IVA SDN", 86.6),
        ("DIS", 86.8),
        ("DeepLabv3-JFT", 86.9),
        ("DeepLabv3+ (Xception-JFT)", 89.0),
    ),
    training=Training(xception(decoder=True, separable=True)),
    inference=Inference(8, PAPER_SCALES, flip=True),
)
