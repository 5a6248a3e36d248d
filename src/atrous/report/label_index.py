"""From label values to rows of a colour table: the one check that a label map belongs to its label space."""

import numpy as np
from jaxtyping import Integer, UInt16

from atrous.errors import InputError
from atrous.labels import LabelSpace


def label_index(labels: Integer[np.ndarray, "h w"], space: LabelSpace, *, where: str) -> UInt16[np.ndarray, "h w"]:
    """Class ids as they are, the ignore value as `len(space)`.

    Args:
        labels: Class ids 0..n-1 and the ignore value, in any integer type.
        space: The label space they must belong to.
        where: Names the file or the map in the error.

    Raises:
        InputError: If any value is neither a class id nor the ignore value.
    """
    known = (labels == space.ignore) | ((labels >= 0) & (labels < len(space)))
    if not known.all():
        raise InputError(
            f"{where}: value {labels[~known][0]} is neither a class id 0..{len(space) - 1} "
            f"nor the ignore value {space.ignore}; use the label space that the labels were made with"
        )
    return np.where(labels == space.ignore, np.uint16(len(space)), labels.astype(np.uint16))
