"""DeepLabv3, Table 7: results on the PASCAL VOC 2012 test set."""

from atrous.papers.networks import resnet101
from atrous.papers.server import ServerTable
from atrous.papers.table import PAPER_SCALES, Inference, Training

TABLE = ServerTable(
    name="v3-table7",
    title="PASCAL VOC 2012 test set, DeepLabv3",
    varies="method",
    row="DeepLabv3",
    paper=85.7,
    others=(
        ("Adelaide VeryDeep FCN VOC", 79.1),
        ("LRR 4x ResNet-CRF", 79.3),
        ("DeepLabv2-CRF", 79.7),
        ("CentraleSupelec Deep G-CRF", 80.2),
        ("HikSeg COCO", 81.4),
        ("SegModel", 81.8),
        ("Deep Layer Cascade", 82.7),
        ("TuSimple", 83.1),
        ("Large Kernel Matters", 83.6),
        ("Multipath-RefineNet", 84.2),
        ("ResNet-38 MS COCO", 84.9),
        ("PSPNet", 85.4),
        ("IDW-CNN", 86.3),
        ("CASIA IVA SDN", 86.6),
        ("DIS", 86.8),
        ("DeepLabv3-JFT", 86.9),
    ),
    training=Training(resnet101()),
    inference=Inference(8, PAPER_SCALES, flip=True),
)
