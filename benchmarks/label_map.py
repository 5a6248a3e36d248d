"""Label maps from coarse logits: `atrous.ops.upsample_argmax` against what torch offers.

    python benchmarks/label_map.py [--shared ../shared] [--rounds 40] [--threads 1]

Prints a markdown table. The candidates take turns, so that all see the same load; figures are medians. With one thread
the clock is processor time, which other programs on the machine hardly touch; with more it is wall time.

* `usual`: `interpolate(logits, ...).argmax(1)`.
* `best eager`: the quickest of the same with channels-last logits, and of both with `.max(1).indices`.
* `ours`: the slower of NCHW and channels-last logits.
* `undecided`: share of cells whose four corners disagree on the largest class.
* `off`: pixels that differ from the argmax in float64.
* `memory`: what the process grows by at its peak, ours against best eager.

Logits of trained networks on photos:

* `VOC`: the official float MobileNetV2 x0.5 at output stride 4 on the two photos, enlarged to 513x513.
* `VOC, own stride`: the same at its own output stride 8.
* `CamVid`: the model of this repository on a frame of the validation split, 360x480.
* `street`: the same on the frame enlarged to 1024x2048; its 11 classes, and 8 of them mirrored left to right and lower
  by 1, which makes 19.
* `many`: the 21 classes of `VOC, bird` in the eight symmetries of the square, each lower by 0.5 than the one before;
  the first 150 of these 168.

`noise` is white, of the same shapes: hardly a cell is decided, so it is the worst case.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timing import in_turns, peak_growth

import atrous
from atrous.data.formats.images import read_image
from atrous.ops import Placement, upsample_argmax

PHOTOS = ("bird_segmentation.bmp", "segmentation_input_rotation0.jpg")
VOC = "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite"
CAMVID = Path(__file__).parents[1] / "models" / "deeplabv3plus_mobilenet_v2_camvid.safetensors"

START = """
import time, torch
from atrous.ops import Placement, upsample_argmax
torch.set_num_threads(1)
begin = time.process_time()
upsample_argmax(torch.zeros(1, 2, 2, 2), Placement.whole((3, 3), align_corners=True))
print(time.process_time() - begin)
"""


class Case(NamedTuple):
    name: str
    logits: torch.Tensor
    placement: Placement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    print(f"torch {torch.__version__}, {options.threads} thread(s), load {os.getloadavg()[0]:.1f}")
    first, later = start_up()
    print(f"start-up: {first:.1f} s for the first process on a machine, which compiles; {later:.2f} s for later ones\n")
    print("| logits | shape | to | undecided | off | ours | usual | best eager | x usual | x best eager | memory |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with torch.inference_mode():
        for case in cases(options.shared):
            print(row(case, rounds=options.rounds, clock=clock), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}")


def start_up() -> tuple[float, float]:
    """Seconds of processor time until the first label map: without machine code on disk, and with it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        command = [sys.executable, "-c", START]
        first, later = (float(subprocess.check_output(command, env=environment)) for _ in range(2))
    return first, later


def cases(shared: Path) -> Iterator[Case]:
    """The rows of the table."""
    voc, camvid = atrous.load(shared / VOC).model.eval(), atrous.load(CAMVID).model.eval()
    photos = torch.cat([picture(shared / "images" / name, (513, 513)) for name in PHOTOS])
    frame = sorted((shared / "data/camvid/val").glob("*.png"))[0]
    fine = voc.replanned(output_stride=4)
    square, wide = fine.placement((513, 513)), Placement.whole((1024, 2048), align_corners=False)
    objects, street = fine(photos[:1]), camvid(picture(frame, (1024, 2048)))[..., :256, :512]
    real = [
        Case("VOC, bird", objects, square),
        Case("VOC, rider", fine(photos[1:]), square),
        Case("VOC, own stride", voc(photos[1:]), voc.placement((513, 513))),
        Case("CamVid", camvid(picture(frame, (360, 480))), camvid.placement((360, 480))),
        Case("street", torch.cat((street, street[:, :8].flip(3) - 1), dim=1), wide),
        Case("many", torch.cat(list(symmetries(objects)), dim=1)[:, :150], square),
    ]
    yield from real
    for case in real:
        if case.name in ("VOC, bird", "street", "many"):
            yield Case("noise", torch.randn(case.logits.shape), case.placement)


def picture(path: Path, size: tuple[int, int]) -> torch.Tensor:
    """A uint8 batch of one at a size (height, width)."""
    image = Image.fromarray(read_image(path)).resize(size[::-1], Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


def symmetries(logits: torch.Tensor) -> Iterator[torch.Tensor]:
    """The eight of the square."""
    for index in range(8):
        turned = logits.rot90(index % 4, dims=(2, 3))
        yield (turned if index < 4 else turned.flip(3)) - index / 2


def row(case: Case, *, rounds: int, clock: Callable[[], float]) -> str:
    """Measure a case."""
    nchw = case.logits.contiguous()
    last = case.logits.contiguous(memory_format=torch.channels_last)
    eager = {
        "NCHW, argmax": lambda: upsampled(nchw, case.placement).argmax(1),
        "NCHW, max": lambda: upsampled(nchw, case.placement).max(1).indices,
        "channels-last, argmax": lambda: upsampled(last, case.placement).argmax(1),
        "channels-last, max": lambda: upsampled(last, case.placement).max(1).indices,
    }
    ours = {
        "ours, NCHW": partial(upsample_argmax, nchw, placement=case.placement),
        "ours, channels-last": partial(upsample_argmax, last, placement=case.placement),
    }
    seconds = in_turns({**eager, **ours}, rounds=rounds, clock=clock)
    mine, usual = max(seconds[name] for name in ours), seconds["NCHW, argmax"]
    best = min(eager, key=seconds.__getitem__)
    growth = [peak_growth(call) for call in (ours["ours, channels-last"], eager[best])]
    classes, height, width = nchw.shape[1:]
    off = (ours["ours, NCHW"]() != upsampled(nchw.double(), case.placement).argmax(1)).sum()
    return (
        f"| {case.name} | {classes}x{height}x{width} | {'x'.join(map(str, case.placement.crop))} "
        f"| {undecided(nchw):.3f} | {off} | {1000 * mine:.2f} ms | {1000 * usual:.1f} ms "
        f"| {1000 * seconds[best]:.1f} ms ({best}) | {usual / mine:.1f} | {seconds[best] / mine:.1f} "
        f"| {growth[0] / 2**20:.1f} of {growth[1] / 2**20:.0f} MiB |"
    )


def upsampled(logits: torch.Tensor, placement: Placement) -> torch.Tensor:
    """What torch's users write."""
    full = F.interpolate(logits, placement.size, mode="bilinear", align_corners=placement.align_corners)
    return full[..., : placement.crop[0], : placement.crop[1]]


def undecided(logits: torch.Tensor) -> float:
    """Share of cells whose corners disagree."""
    won = logits.argmax(1)
    corners = torch.stack((won[:, :-1, :-1], won[:, :-1, 1:], won[:, 1:, :-1], won[:, 1:, 1:]))
    return (corners != corners[0]).any(dim=0).float().mean().item()


if __name__ == "__main__":
    main()
