"""One labelled picture, as every data set gives it and every transform takes it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, UInt8


@dataclass(frozen=True)
class Sample:
    """An image and, where known, the class id of each of its pixels.

    Attributes:
        name: Path below the data set's image folder, without suffix; names messages and output files.
        image: RGB, or all bands of a TIFF, 0..255.
        labels: Class ids and the ignore value of the data set's label space; None where nothing is labelled.
        sequence: The video that the image is a frame of, and so depends on; empty where it stands alone.
    """

    name: str
    image: UInt8[np.ndarray, "h w c"]
    labels: Integer[np.ndarray, "h w"] | None
    sequence: str = ""
