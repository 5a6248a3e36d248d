"""Label spaces: which class ids exist, what they are called, how they are painted, which value is ignored."""

from atrous.labels.ade20k import ADE20K
from atrous.labels.cityscapes import CITYSCAPES
from atrous.labels.pascal_voc import PASCAL_VOC
from atrous.labels.space import Color, LabelSpace, bit_palette

__all__ = ["ADE20K", "CITYSCAPES", "PASCAL_VOC", "Color", "LabelSpace", "bit_palette"]
