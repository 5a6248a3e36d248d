"""Draw the README's picture: official weights on two photos.

    python scripts/readme_picture.py SHARED docs/images/official.jpg

SHARED is the folder of test data (CONTRIBUTING, "Test data"); the photos in it are under the Apache licence 2.0.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import atrous
from atrous.report.pictures import with_legend

PAIRS = (
    ("images/segmentation_input_rotation0.jpg", "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite"),
    ("images/bird_segmentation.bmp", "weights/deeplabv3_mnv2_pascal_quant.tflite"),
)
SIDE = 400


def main(shared: Path, out: Path) -> None:
    panels, present = [], set()
    for photo, weights in PAIRS:
        result = atrous.Predictor(atrous.load(shared / weights))(shared / photo)
        present |= {int(label) for label in np.unique(result.labels)}
        pair = Image.fromarray(result.image), result.overlay(legend=False)
        panels += [np.array(picture.resize((SIDE, SIDE))) for picture in pair]
    sheet = with_legend(np.concatenate(panels, axis=1), result.space, present=present)
    Image.fromarray(sheet).save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
