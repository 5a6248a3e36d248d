"""Predictions as polygons in the formats of annotation tools, to be corrected there and trained on again."""

import sys
from pathlib import Path
from typing import Literal

from atrous.data.formats.geo_transform import affine_of, epsg_code
from atrous.data.formats.images import IMAGE_SUFFIXES, read_labels
from atrous.data.formats.tiff import geo_reference
from atrous.data.writers.coco import CocoWriter
from atrous.data.writers.geojson import write_geojson
from atrous.data.writers.labelled_image import DataSetWriter, LabelledImage
from atrous.data.writers.labelme import LabelmeWriter
from atrous.data.writers.yolo import YoloWriter
from atrous.errors import InputError, OutputError
from atrous.inference.output_files import PredictionFiles, own_problem
from atrous.labels import LabelSpace

AnnotationFormat = Literal["coco", "labelme", "yolo", "geojson"]

SPLIT = "train"
"""Split of the data sets that are written: pictures to train on, once their polygons are corrected."""


class AnnotationFiles:
    """Writes polygons of label maps that lie on disk, so that pictures predicted in tiles have no seams.

    GeoJSON is written beside each label map, as `NAME.geojson`. The other formats become data sets of their own in
    `OUT/FORMAT`, with copies of the images, which `atrous.open_data` opens.

    Args:
        form: The format.
        out: Folder of the label maps.
        space: Names and colours of the classes.
        tolerance: Largest distance in pixels of a removed corner of a polygon from the simplified line.

    Raises:
        InputError: If the tolerance is negative or not finite.
    """

    def __init__(self, form: AnnotationFormat, *, out: Path, space: LabelSpace, tolerance: float) -> None:
        if not 0 <= tolerance < float("inf"):
            raise InputError(f"--tolerance {tolerance}: give a distance of 0 or more pixels")
        self._form, self._out, self._space, self._tolerance = form, out, space, tolerance
        self._writer = _writer(form, out / form, space, tolerance=tolerance)
        self._written, self._on_earth = 0, 0

    def add(self, files: PredictionFiles) -> str | None:
        """Write the polygons of one label map; returns its problem in one line, or None.

        Raises:
            InputError: If a file cannot be written for a reason that concerns all of them, such as a full disk.
        """
        try:
            self._add(files)
        except OutputError as error:
            return own_problem(error, files)
        except InputError as error:
            return str(error)
        return None

    def _add(self, files: PredictionFiles) -> None:
        if self._writer is not None and files.source.suffix.lower() not in IMAGE_SUFFIXES:
            raise InputError(f"{files.source} is no picture that annotation tools open; use --as geojson")
        labels = read_labels(files.labels, max_pixels=sys.maxsize)
        if self._writer is None:
            reference = geo_reference(files.source)
            affine, epsg = affine_of(reference), epsg_code(reference)
            path = files.labels.with_name(f"{files.labels.stem}.geojson")
            write_geojson(path, labels, self._space, tolerance=self._tolerance, affine=affine, epsg=epsg)
            self._on_earth += affine is not None
        else:
            name = files.labels.relative_to(self._out).with_suffix("").as_posix()
            self._writer.add(LabelledImage(name, SPLIT, files.source, labels))
        self._written += 1

    def finish(self) -> list[str]:
        """Write what belongs to all pictures; returns lines about what was written and what the format cannot hold."""
        if self._writer is None:
            kinds = {"of the earth": self._on_earth, "of pixels (x right, y down)": self._written - self._on_earth}
            shown = [f"{count} in coordinates {kind}" for kind, count in kinds.items() if count]
            return [f"polygons of {self._written} pictures in {self._out} as GeoJSON: {', '.join(shown)}"]
        if not self._written:
            return []
        lost = self._writer.finish()
        return [f"polygons of {self._written} pictures in {self._out / self._form}, a data set as {self._form}", *lost]


def _writer(form: AnnotationFormat, folder: Path, space: LabelSpace, *, tolerance: float) -> DataSetWriter | None:
    match form:
        case "coco":
            return CocoWriter(folder, space, tolerance=tolerance)
        case "labelme":
            return LabelmeWriter(folder, space, tolerance=tolerance)
        case "yolo":
            return YoloWriter(folder, space, tolerance=tolerance)
        case "geojson":
            return None
