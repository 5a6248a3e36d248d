"""Outer taps of ASPP's filters that the crops of a training hardly reach start at 0.

A filter whose rate exceeds the features of a crop degenerates to its centre tap (DeepLabv3, section 3.3): its outer
taps always lie in the padding and are never trained. On larger pictures they lie inside the map, where random initial
values would spoil all but the features in the middle.
"""

import torch
from torch import nn

from atrous.model.aspp import ASPP
from atrous.model.deeplab import DeepLab
from atrous.sizes import Size, ceil_div

LEAST_REACH = 1 / 3
"""Share of a crop's rows, or columns, of features whose outer taps lie inside the map; with less they start at 0.

The papers' rates are not touched: at a crop of 513, rate 18 has 15 of 33, and rate 36 at output stride 8 29 of 65.
"""


@torch.no_grad()
def zero_unreached_taps(model: DeepLab, *, crop: Size) -> tuple[int, ...]:
    """Set those outer taps of ASPP's 3x3 filters to 0 that too few features of a crop reach, in place.

    Taps above and below the centre are judged by the rows of features, those beside it by the columns.

    Args:
        model: Network whose ASPP has its initial weights; one without ASPP is left as it is.
        crop: Height and width of the training crops in pixels.

    Returns:
        Rates of the filters that were changed, at the network's output stride.
    """
    fitted = model.preprocess.padded_size(crop, output_stride=model.output_stride)
    rows, columns = (ceil_div(length, model.output_stride) for length in fitted)
    rates = []
    for branches in (module.branches for module in model.modules() if isinstance(module, ASPP)):
        for conv in (module for module in branches.modules() if isinstance(module, nn.Conv2d)):
            rate = conv.dilation[0]
            if conv.kernel_size != (3, 3):
                continue
            if above := rows - rate < LEAST_REACH * rows:
                conv.weight[:, :, ::2, :] = 0
            if beside := columns - rate < LEAST_REACH * columns:
                conv.weight[:, :, :, ::2] = 0
            if above or beside:
                rates.append(rate)
    return tuple(rates)
