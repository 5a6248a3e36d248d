"""Label maps of pictures from an exported file, with OpenVINO or ONNX Runtime, and without torch.

    pip install numpy pillow openvino        # or onnxruntime
    python exported_without_torch.py street.xml photo.jpg labels.png

The file takes images of unsigned bytes of any size and gives a class id for every pixel; names and colours of the
classes are in its metadata. Nothing else is needed.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Opened = tuple[Callable[[np.ndarray], np.ndarray], dict[str, str]]


def open_openvino(path: Path) -> Opened:
    """Return a function from images to labels, and the JSON texts of the metadata."""
    import openvino

    model = openvino.Core().read_model(path)
    compiled = openvino.Core().compile_model(model, "CPU")
    metadata = {name: value.astype(str) for name, value in model.rt_info["atrous"].items()}
    return lambda images: compiled(images)[0], metadata


def open_onnx(path: Path) -> Opened:
    """Return the same for ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    entries = session.get_modelmeta().custom_metadata_map
    metadata = {name.removeprefix("atrous."): text for name, text in entries.items()}
    return lambda images: session.run(None, {"image": images})[0], metadata


def main(model: Path, picture: Path, out: Path) -> None:
    """Write the label map of a picture as an indexed PNG, and print the share of each class."""
    compute, metadata = (open_openvino if model.suffix == ".xml" else open_onnx)(model)
    if json.loads(metadata["output"]) != "labels":
        sys.exit(f"{model} gives {metadata['output']}; export it with --output labels")
    image = np.asarray(Image.open(picture).convert("RGB"))[None]
    if json.loads(metadata["layout"]) == "nchw":
        image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    (labels,) = compute(image)
    space = json.loads(metadata["labels"])
    indexed = Image.fromarray(labels)
    indexed.putpalette([value for color in space["palette"] for value in color])
    indexed.save(out)
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        print(f"{space['names'][label]} {count / labels.size:.1%}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
