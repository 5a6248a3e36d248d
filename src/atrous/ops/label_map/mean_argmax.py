"""The label map of augmented logits of an image: the class of the largest mean probability.

    label(pixel) = argmax over classes of mean over scales and flips of softmax(logits, interpolated at the pixel)

The lowest of equal classes wins. No probabilities are ever built at full size: on a CPU compiled code finds most labels
without computing probabilities; elsewhere torch works in bands of rows.
"""

from collections.abc import Sequence

import torch

from atrous.ops.label_map.augmented_logits import AugmentedLogits, mean_bands, mean_probabilities
from atrous.ops.label_map.backend import compiled_mean_argmax
from atrous.ops.label_map.labels import Labels, label_dtype


def mean_argmax(augmented_logits: Sequence[AugmentedLogits]) -> Labels:
    """Return the class of the largest mean probability at every pixel.

    Args:
        augmented_logits: Logits of one or more augmented inputs with the same batch, classes and image size.

    Returns:
        `[b, H, W]`, uint8 for up to 255 classes, otherwise int16.
    """
    first = augmented_logits[0]
    size = (len(first.rows.first), len(first.columns.first))
    labels = first.logits.new_empty((len(first.logits), *size), dtype=label_dtype(first.logits.shape[1]))
    all_float32 = all(one.logits.dtype == torch.float32 for one in augmented_logits)
    module = compiled_mean_argmax() if first.logits.device.type == "cpu" and all_float32 else None
    # Infinities and NaN follow torch's rules, which the compiled code does not implement.
    if module and all(bool(one.logits.isfinite().all()) for one in augmented_logits):
        module.fill_mean_label_map(augmented_logits, labels)
    else:
        for band in mean_bands(augmented_logits):
            labels[:, band] = mean_probabilities(augmented_logits, band).argmax(dim=1).to(labels.dtype)
    return labels
