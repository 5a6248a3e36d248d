"""The result of a prediction."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png
from atrous.report.pictures import overlay, with_legend


@dataclass(frozen=True)
class Result:
    """Label map of one image.

    Attributes:
        labels: Class id of every pixel; uint8, or int16 for more than 255 classes.
        image: The image that was predicted, 0..255.
        space: Names and colours of the classes.
    """

    labels: Integer[np.ndarray, "h w"]
    image: UInt8[np.ndarray, "h w c"]
    space: LabelSpace

    def save(self, path: str | Path) -> None:
        """Write the label map as indexed PNG with its palette (16-bit grey for more than 255 classes).

        Raises:
            InputError: If the file cannot be written.
        """
        write_label_png(Path(path), self.labels, self.space)

    def overlay(self, *, opacity: float = 0.55, legend: bool = True) -> Image.Image:
        """Return the RGB image blended with the class colours.

        Args:
            opacity: Weight of the class colours, 0..1.
            legend: If true, a strip below the image names the classes that occur.
        """
        blended = overlay(self.image, self.labels, self.space, opacity=opacity)
        if legend:
            blended = with_legend(blended, self.space, present=map(int, np.unique(self.labels)))
        return Image.fromarray(blended)
