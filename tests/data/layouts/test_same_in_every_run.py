"""What a folder holds is the same in every run: Python orders sets of texts by a seed of its own each time."""

import os
import subprocess
import sys

from PIL import Image

from fakes.layouts import NAMES, color_mask, ids_mask, picture, truth
from fakes.published import save

SHOW = """
import sys
from pathlib import Path
from atrous.data.complaints import collecting
from atrous.data.layouts.scanner import contents_of
for folder in map(Path, sys.argv[1:]):
    with collecting() as complaints:
        found = contents_of(folder)
    for split, part in found.splits.items():
        print(split, part.rule, *(f"{pair.name}: {pair.image.name} {pair.mask.name}" for pair in part.pairs), sep="; ")
    print(*complaints, sep="\\n")
"""


def surgery(folder):
    """Four files a frame, of which three are masks."""
    for number, name in enumerate(NAMES):
        stem = folder / f"video01/video01_00080/frame_{80 + number}_endo"
        save(picture(name), stem.with_name(f"{stem.name}.png"))
        save(color_mask(name), stem.with_name(f"{stem.name}_color_mask.png"))
        save(ids_mask(name), stem.with_name(f"{stem.name}_mask.png"))
        lines = truth(name).copy()
        lines[::4] = 255
        save(Image.fromarray(lines), stem.with_name(f"{stem.name}_watershed_mask.png"))


def swapped(folder):
    """Names for which many prefixes and suffixes are equally frequent, and none fits all."""
    for number, name in enumerate(NAMES):
        column, row = divmod(number, 2)
        save(picture(name), folder / f"images/x{column}_y{row}.png")
        save(ids_mask(name), folder / f"gt/y{row}_x{column}.png")


def test_the_seed_of_hashes_changes_nothing(tmp_path):
    folders = {"surgery": surgery, "swapped": swapped}
    for name, write in folders.items():
        write(tmp_path / name)
    shown = set()
    for seed in ("0", "1", "2", "3"):
        run = subprocess.run(
            [sys.executable, "-c", SHOW, *(str(tmp_path / name) for name in folders)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        shown.add(run.stdout)
    assert len(shown) == 1, "\n----\n".join(shown)
    assert "frame_80_endo.png" in shown.pop()
