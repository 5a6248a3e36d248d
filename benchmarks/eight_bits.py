"""The official 8-bit VOC MobileNetV2 in LiteRT against our 8-bit exports of the same weights: speed and agreement.

`python benchmarks/eight_bits.py`: image of unsigned bytes in, label map out, 513x513 at output stride 16, taking turns.
Agreement is that with our float32 model of the weights, on the photos of the tests. Without `--calibration` variants of
these photos calibrate (mirrored, rescaled, cropped, darker and brighter), since no picture of VOC is at hand.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image, ImageEnhance, ImageOps
from timing import in_turns

from atrous.data.formats.image_names import image_files
from atrous.data.formats.images import read_image
from atrous.export.export import export
from atrous.inference.engines.engine import Engine
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.predictor import Predictor
from atrous.weights.load import load

SHARED = Path(__file__).parents[2] / "shared"
OFFICIAL = "weights/deeplabv3_mnv2_pascal_quant.tflite"
PHOTOS = ("images/bird_segmentation.bmp", "images/segmentation_input_rotation0.jpg")
SIDE = 513


@dataclass(frozen=True)
class Options:
    """Time and compare 8-bit files of the official VOC MobileNetV2."""

    shared: Path = SHARED
    """Folder with the official file and the two photos."""
    calibration: Path | None = None
    """Folder of pictures to calibrate on; None takes variants of the two photos."""
    formats: tuple[str, ...] = ("onnx", "xml")
    """Suffixes of the files to export."""
    out: Path | None = None
    """Folder that keeps the exported files, and gives those that it holds; None forgets them."""
    gate: float = 0.0
    """Least share of equal pixels on held-back pictures; 0 writes every file, with 8 bits in all of its layers."""
    rounds: int = 15
    """Timed images of each."""
    threads: int = 1
    """Threads of each."""


def photo(path: Path) -> np.ndarray:
    """A photo at the size of the official file."""
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def variants(image: np.ndarray) -> list[np.ndarray]:
    """Pictures that are like a photo and none of which is the photo."""
    picture, found = Image.fromarray(image), list[np.ndarray]()
    for mirrored in (False, True):
        base = ImageOps.mirror(picture) if mirrored else picture
        for share, light in ((1.0, 0.8), (1.0, 1.2), (0.9, 1.0), (0.75, 1.0), (0.6, 0.9), (0.5, 1.1)):
            side = round(share * SIDE)
            left = (SIDE - side) // 3
            part = base.crop((left, left, left + side, left + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            found.append(np.array(ImageEnhance.Brightness(part).enhance(light)))
    return found


def litert(path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """The official file in LiteRT, from an image to class ids."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def labels(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, image[None])
        interpreter.invoke()
        return interpreter.get_tensor(target).reshape(image.shape[:2])

    return labels


def exported(options: Options, folder: Path, suffix: str, pictures: list[np.ndarray]) -> Engine:
    """Export the weights with 8 bits, unless the folder holds the file, and open it."""
    path = folder / f"voc.{suffix}"
    if not path.is_file():
        weights, begin = load(options.shared / OFFICIAL), time.process_time()
        proof = export(weights, path, precision="int8", calibration=pictures, gate=options.gate)
        print(f"voc.{suffix}: {proof.summary()}, {time.process_time() - begin:.0f} s of computing time")
    return open_engine(path)


def main(options: Options) -> None:
    """Print a table."""
    torch.set_num_threads(options.threads)
    images = [photo(options.shared / name) for name in PHOTOS]
    if options.calibration is None:
        pictures = [variant for pair in zip(*map(variants, images), strict=True) for variant in pair]
    else:
        pictures = [read_image(path) for path in image_files([options.calibration])]
    reference = Predictor(load(options.shared / OFFICIAL))
    expected = [reference(image).labels for image in images]
    official = litert(options.shared / OFFICIAL, options.threads)
    contenders = {"official file in LiteRT": official, "float32, Predictor": lambda image: reference(image).labels}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in options.formats:
            engine = exported(options, folder, suffix, pictures)
            predictor = Predictor(engine)
            contenders[f"int8 .{suffix} in {engine.name}"] = lambda image, engine=engine: engine(image[None])[0]
            contenders[f"int8 .{suffix}, Predictor"] = lambda image, predictor=predictor: predictor(image).labels
        calls = {name: (lambda call=call: call(images[0])) for name, call in contenders.items()}
        seconds = in_turns(calls, rounds=options.rounds, clock=time.perf_counter)
        first = seconds["official file in LiteRT"]
        print(f"| contender | ms | times as fast | {' | '.join(Path(name).stem for name in PHOTOS)} |")
        print("|---|---|---|---|---|")
        for name, call in contenders.items():
            shares = [float((call(image) == labels).mean()) for image, labels in zip(images, expected, strict=True)]
            stated = " | ".join(f"{share:.4f}" for share in shares)
            print(f"| {name} | {1000 * seconds[name]:.0f} | {first / seconds[name]:.2f} | {stated} |")
    print(f"{options.threads} threads, medians of {options.rounds}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(tyro.cli(Options))
