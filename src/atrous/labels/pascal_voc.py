"""The classes of PASCAL VOC."""

from atrous.labels.space import LabelSpace

PASCAL_VOC = LabelSpace(
    names=(
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    )
)  # fmt: skip
"""The 21 classes of PASCAL VOC 2012 with the colours of its devkit; 255 is void."""
