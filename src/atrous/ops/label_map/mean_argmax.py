"""The label map of several views of one image: the class of the largest mean probability.

    label(pixel) = argmax over classes of mean over views of softmax(the view's logits, interpolated at the pixel)

The lowest of equal classes wins. No view is ever built at full size: on a CPU compiled code decides most pixels without
their probabilities; elsewhere torch works in bands of rows.
"""

from collections.abc import Sequence

import torch

from atrous.ops.label_map.backend import backend_for
from atrous.ops.label_map.labels import Labels, label_dtype
from atrous.ops.label_map.views import View, mean_bands, mean_probabilities


def mean_argmax(views: Sequence[View]) -> Labels:
    """Class of the largest mean probability at every pixel: uint8 up to 255 classes, else int16.

    Args:
        views: One or more views of the same batch, classes and image size.
    """
    logits = views[0].logits
    size = (len(views[0].rows.first), len(views[0].columns.first))
    labels = logits.new_empty((len(logits), *size), dtype=label_dtype(logits.shape[1]))
    single = all(view.logits.dtype == torch.float32 for view in views)
    compiled = logits.device.type == "cpu" and single and backend_for("cpu")
    # Infinities and NaN follow torch's rules, which the compiled code does not implement.
    if compiled and all(bool(view.logits.isfinite().all()) for view in views):
        from atrous.ops.label_map.mean_cpu import mean_label_map

        mean_label_map(views, labels)
    else:
        for band in mean_bands(views):
            labels[:, band] = mean_probabilities(views, band).argmax(dim=1).to(labels.dtype)
    return labels
