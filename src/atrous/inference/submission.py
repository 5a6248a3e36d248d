"""Label maps in the file formats of the evaluation servers of PASCAL VOC and Cityscapes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from atrous.data.published.cityscapes import TRAINED_IDS
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.output_files import PredictionFiles, check_not_replaced
from atrous.inference.result import Result
from atrous.labels import CITYSCAPES, PASCAL_VOC, Color, LabelSpace, bit_palette


@dataclass(frozen=True)
class Submission:
    """File format of an evaluation server.

    Attributes:
        names: Class names in the order of the class ids.
        values: Pixel value of each class in the files.
        image_name: Pattern of the image names without suffix; its group is the name of the label map.
        label_path: Path of a label map inside the folder of the submission.
        palette: Colours of the pixel values; empty for grey files.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    image_name: str
    label_path: str
    palette: tuple[Color, ...] = ()

    def plan(self, images: Sequence[Path], *, out: Path) -> tuple[PredictionFiles, ...]:
        """Name the output files of images, for `predict_files`.

        Raises:
            InputError: If an image is not named as the server's images are, occurs twice, or would be replaced.
        """
        plan = dict[Path, PredictionFiles]()
        for path in images:
            match = re.fullmatch(self.image_name, path.stem, flags=re.ASCII)
            if match is None:
                raise InputError(f"{path} is not named as the server's images are; leave it out, or rename it back")
            target = out / self.label_path.format(match[1])
            if target in plan:
                raise InputError(f"{path} and {plan[target].source} would both become {target}; leave one of them out")
            plan[target] = PredictionFiles(path, labels=target, overlay=None)
        check_not_replaced([str(image) for image in images], [str(target) for target in plan], overlays=False)
        return tuple(plan.values())

    def require(self, labels: LabelSpace) -> None:
        """Raise InputError for weights of other classes; for classes without names, only their number is compared."""
        if labels.names not in (self.names, LabelSpace.unnamed(len(self.names)).names):
            raise InputError(
                f"the server wants the {len(self.names)} classes {self.names[0]}, {self.names[1]} ... "
                f"{self.names[-1]} in this order; these weights have other classes"
            )

    def save(self, result: Result, path: Path) -> None:
        """Write a label map with the server's pixel values; raises InputError if the file cannot be written."""
        values = Image.fromarray(np.array(self.values, np.uint8)[result.labels])
        if self.palette:
            values.putpalette(bytes(np.array(self.palette, np.uint8)))
        with atomic_path(path) as temporary:
            values.save(temporary, format="PNG")


VOC_SERVER = Submission(
    names=PASCAL_VOC.names,
    values=tuple(range(len(PASCAL_VOC))),
    image_name=r"(\d{4}_\d{6})",
    label_path="results/VOC2012/Segmentation/comp6_test_cls/{}.png",
    palette=bit_palette(256),
)
"""Competition 6, trained on any data but the test images; pack the folder `results` (host.robots.ox.ac.uk:8080)."""

CITYSCAPES_SERVER = Submission(
    names=CITYSCAPES.names,
    values=TRAINED_IDS,
    image_name=r"([A-Za-z-]+_\d{6}_\d{6})(?:_leftImg8bit)?",
    label_path="{}_pred_labelIds.png",
)
"""Pixel-level semantic labelling: label ids, not train ids; pack the files (cityscapes-dataset.com)."""
