"""Label maps as the evaluation servers of PASCAL VOC and Cityscapes take them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from atrous.data.published.cityscapes import TRAINED_IDS
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.inference.files import Job, check_not_replaced
from atrous.inference.result import Result
from atrous.labels import CITYSCAPES, PASCAL_VOC, Color, LabelSpace, bit_palette


@dataclass(frozen=True)
class Submission:
    """What a server wants to get.

    Attributes:
        names: Its classes, in the order of the class ids.
        values: What stands in the files for each of them.
        picture: Names of its pictures without suffix; the group is what the files are named by.
        place: Path of a file below the folder of the submission.
        palette: Colours of the values; without any, files are grey.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    picture: str
    place: str
    palette: tuple[Color, ...] = ()

    def jobs(self, pictures: Sequence[Path], *, out: Path) -> tuple[Job, ...]:
        """Which file goes where, for `predict_files`.

        Raises:
            InputError: If a picture is none of the server's, there twice, or would be replaced.
        """
        jobs = {}
        for path in pictures:
            match = re.fullmatch(self.picture, path.stem, flags=re.ASCII)
            if match is None:
                raise InputError(f"{path} is not named as the server's pictures are; leave it out, or rename it back")
            target = out / self.place.format(match[1])
            if target in jobs:
                raise InputError(f"{path} and {jobs[target].source} would both become {target}; leave one of them out")
            jobs[target] = Job(path, labels=target, overlay=None)
        check_not_replaced(pictures, jobs.values())
        return tuple(jobs.values())

    def require(self, labels: LabelSpace) -> None:
        """Refuse weights of other classes with an InputError; classes without names count by their number."""
        if labels.names not in (self.names, LabelSpace.unnamed(len(self.names)).names):
            raise InputError(
                f"the server wants the {len(self.names)} classes {self.names[0]}, {self.names[1]} ... "
                f"{self.names[-1]} in this order; these weights have other classes"
            )

    def save(self, result: Result, path: Path) -> None:
        """Write a label map in the server's values; raises InputError where the file cannot be written."""
        picture = Image.fromarray(np.array(self.values, np.uint8)[result.labels])
        if self.palette:
            picture.putpalette(bytes(np.array(self.palette, np.uint8)))
        with atomic_path(path) as temporary:
            picture.save(temporary, format="PNG")


VOC_SERVER = Submission(
    names=PASCAL_VOC.names,
    values=tuple(range(len(PASCAL_VOC))),
    picture=r"(\d{4}_\d{6})",
    place="results/VOC2012/Segmentation/comp6_test_cls/{}.png",
    palette=bit_palette(256),
)
"""Competition 6, trained on any data but the test images; pack the folder `results` (host.robots.ox.ac.uk:8080)."""

CITYSCAPES_SERVER = Submission(
    names=CITYSCAPES.names,
    values=TRAINED_IDS,
    picture=r"([A-Za-z-]+_\d{6}_\d{6})(?:_leftImg8bit)?",
    place="{}_pred_labelIds.png",
)
"""Pixel-level semantic labelling: label ids, not train ids; pack the files (cityscapes-dataset.com)."""
