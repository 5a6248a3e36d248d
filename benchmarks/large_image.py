"""Time and memory of a huge picture in tiles: `atrous.inference.large_image`.

    python benchmarks/large_image.py [--side 20000] [--depth-multiplier 0.1] [--output-stride 32] [--classes 21]

Makes a picture as a memory-mapped array (or, with `--tiff`, as a tiled TIFF), predicts it from file to file with random
weights in a process of its own, and prints what that process held at its peak beyond what it held before. Neither the
picture nor the label map is in that figure: both are read and written in parts.

With `--agreement WEIGHTS PICTURE` it prints instead, for several overlaps, the share of pixels whose label is that of
the picture predicted whole.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

WORK = """
import sys, time
from pathlib import Path
import numpy as np, torch
import atrous
from atrous.data.formats.windows import ArrayPixels, open_pixels
from atrous.inference.large_image import predict_large_image
from atrous.inference.output_files import PredictionFiles
from atrous.inference.tiling.tiles import Tiling
from atrous.model.config import MobileNetV2Config
from dataclasses import replace
from atrous.model.presets import preset
source, out, multiplier, stride, classes, tile, overlap, means, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
config = preset("deeplabv3_mobilenet_v2")
backbone = MobileNetV2Config(depth_multiplier=float(multiplier))
config = replace(config, backbone=backbone, classes=int(classes), output_stride=int(stride))
predictor = atrous.Predictor(atrous.build(config))
predictor(np.zeros((65, 65, 3), np.uint8))
pixels = open_pixels(Path(source))
def memory(field):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])
before = memory("VmRSS")
begin = time.perf_counter()
files = PredictionFiles(Path(source), labels=Path(out), overlay=None)
tiling = Tiling(size=int(tile), overlap=int(overlap), mean_over='tile' if means == 'tile' else 'image')
last = [0]
def on_progress(done, whole):
    if done * 10 // whole > last[0]:
        last[0] = done * 10 // whole
        print(f"{done} of {whole} tiles, {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
predict_large_image(predictor, pixels, files, tiling=tiling, on_progress=on_progress)
seconds = time.perf_counter() - begin
print(before, memory("VmHWM"), seconds)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, nargs="+", default=[20000], help="height, and width if it differs")
    parser.add_argument("--depth-multiplier", default="0.1")
    parser.add_argument("--output-stride", default="32")
    parser.add_argument("--classes", default="21")
    parser.add_argument("--tile", default="1024")
    parser.add_argument("--overlap", default="256")
    parser.add_argument("--means", default="picture")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--tiff", action="store_true")
    parser.add_argument("--agreement", nargs=2, metavar=("WEIGHTS", "PICTURE"))
    options = parser.parse_args()
    if options.agreement:
        agreement(*options.agreement)
        return
    height, width = options.side[0], options.side[-1]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        source = picture(Path(folder), height, width, tiff=options.tiff)
        settings = (
            options.depth_multiplier, options.output_stride, options.classes, options.tile, options.overlap,
            options.means, options.threads,
        )  # fmt: skip
        command = [sys.executable, "-c", WORK, str(source), f"{folder}/labels.png", *settings]
        before, peak, seconds = map(float, subprocess.check_output(command).split())
        size = Path(folder, "labels.png").stat().st_size
    print(f"{height} x {width}, {settings}: {seconds:.0f} s, {height * width / 1e6 / seconds:.2f} megapixels a second")
    print(f"peak {(peak - before) / 1024:.0f} MiB beyond {before / 1024:.0f} MiB; label map {size / 2**20:.1f} MiB")


def picture(folder: Path, height: int, width: int, *, tiff: bool) -> Path:
    """Blocks of colours and noise, written by rows."""
    rng = np.random.default_rng(0)

    def rows(count: int) -> np.ndarray:
        colors = rng.integers(0, 200, (-(-count // 64), -(-width // 64), 3), dtype=np.uint8)
        flat = colors.repeat(64, axis=0).repeat(64, axis=1)[:count, :width]
        return flat + rng.integers(0, 56, flat.shape, dtype=np.uint8)

    path = folder / ("picture.tif" if tiff else "picture.npy")
    array = np.lib.format.open_memmap(folder / "picture.npy", mode="w+", dtype=np.uint8, shape=(height, width, 3))
    for top in range(0, height, 512):
        array[top : top + 512] = rows(min(512, height - top))
    array.flush()
    if tiff:
        import tifffile

        tifffile.imwrite(path, array, tile=(512, 512), compression="deflate", photometric="rgb", metadata=None)
    return path


def agreement(weights: str, path: str) -> None:
    import torch
    from PIL import Image

    import atrous
    from atrous.analysis.receptive_field import receptive_fields
    from atrous.data.formats.images import read_image
    from atrous.data.formats.windows import ArrayPixels
    from atrous.inference.tiling.regions import joined_label_rows
    from atrous.inference.tiling.tiles import Tiling

    archive = atrous.load(weights)
    predictor = atrous.Predictor(archive)
    image = np.array(Image.fromarray(read_image(Path(path))).resize((1920, 1440), Image.Resampling.BICUBIC))
    torch.set_num_threads(1)
    whole, field = predictor(image).labels, receptive_fields(archive.model)["classifier"]
    print(f"receptive field {field}; 1440 x 1920 pixels\n\n| tile | overlap | means | same label |\n|---|---|---|---|")
    for size, overlap in (
        (512, 64),
        (512, 128),
        (512, 256),
        (1024, 128),
        (1024, 256),
        (1024, 512),
        (field + 384, field),
    ):
        for means in ("picture", "tile"):
            tiling = Tiling(size=size, overlap=overlap, mean_over="tile" if means == "tile" else "image")
            strips = joined_label_rows(predictor.regions(ArrayPixels(image), tiling=tiling), width=image.shape[1])
            same = (np.concatenate(list(strips)) == whole).mean()
            print(f"| {size} | {overlap} | of the {means} | {same:.6f} |", flush=True)


if __name__ == "__main__":
    main()
