"""Rehearse the recipes voc, voc-coco, cityscapes and ade20k on fakes of the full file counts of their data.

    python scripts/soak/recipes.py [FOLDER [SHARE]]

Pictures are 24x32 pixels and the network is tiny: what is tested are the layouts, splits, both stages, the restart of a
finished run and the files for the servers. FOLDER has to be new, by default a temporary one; SHARE is the share of the
files, by default 1. An assertion ends the rehearsal. The time of each recipe is printed.
"""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from fakes.rehearsals import rehearse_ade20k, rehearse_cityscapes, rehearse_voc

REHEARSALS = {"voc": partial(rehearse_voc, starts=2), "cityscapes": rehearse_cityscapes, "ade20k": rehearse_ade20k}


def main(folder: Path, share: float = 1.0) -> None:
    for name, rehearse in REHEARSALS.items():
        started = time.perf_counter()
        (folder / name).mkdir(parents=True)
        rehearse(folder / name, share=share)
        print(f"{name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), *map(float, sys.argv[2:3]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
