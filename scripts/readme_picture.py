"""Draw the README's picture from a finished demo: python scripts/readme_picture.py demo docs/images/demo.png."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import atrous
from atrous.data.dataset import open_data
from atrous.report.label_colors import colorize
from atrous.report.pictures import error_map, side_by_side, with_legend

SCENES = (1, 3)


def main(demo: Path, out: Path) -> None:
    data = open_data(next(demo.glob("scenes-*")), split="val")
    predictor = atrous.Predictor(atrous.load(demo / "run" / "last.safetensors"), output_stride=8)
    rows = []
    for index in SCENES:
        sample = data[index]
        assert sample.labels is not None
        labels = predictor(sample.image).labels
        captions = ("image", "truth", "prediction", "where it is wrong")
        pictures = (
            sample.image,
            colorize(sample.labels, data.labels),
            colorize(labels, data.labels),
            error_map(labels, sample.labels, data.labels),
        )
        rows.append(side_by_side(list(zip(captions, pictures, strict=True))))
    sheet = with_legend(np.concatenate(rows), data.labels, present=range(len(data.labels)))
    Image.fromarray(sheet).quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
