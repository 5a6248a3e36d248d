"""The pictures of `fakes.layouts` in tables, stacks of arrays and Parquet, and with Oxford's trimaps."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

from fakes.layouts import NAMES, TRAIN, VAL, ids_mask, part, picture, truth
from fakes.published import save


def metadata_lines(folder: Path) -> None:
    """Hugging Face's image folder: JSON lines in each split."""
    for split, names in (("train", TRAIN), ("validation", VAL)):
        rows = []
        for number, name in enumerate(names):
            save(picture(name), folder / split / f"{number}.png")
            save(ids_mask(name), folder / split / f"seg/q{9 - number}.png")
            rows.append({"file_name": f"{number}.png", "text": "a pet", "label": f"seg/q{9 - number}.png"})
        (folder / split / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def table_of_paths(folder: Path) -> None:
    """One CSV with a column of splits and Windows' paths."""
    rows = ["id;image_path;mask_path;Split"]
    for number, name in enumerate(NAMES):
        save(picture(name), folder / f"raw/{name}.png")
        save(ids_mask(name), folder / f"out/{9 - number}.png")
        rows.append(f"{number};C:\\x\\raw\\{name}.png;out\\{9 - number}.png;{'train' if name in TRAIN else 'valid'}")
    (folder / "Data Set.csv").write_text("\n".join(rows))


def arrays_per_split(folder: Path) -> None:
    """`X_train.npy` and `y_train.npy`, and for validation; pictures in floating point, masks with a last axis."""
    for split, names in (("train", TRAIN), ("val", VAL)):
        pictures = np.stack([np.asarray(picture(name)) for name in names])
        np.save(folder / f"X_{split}.npy", (pictures / 255).astype(np.float32))
        np.save(folder / f"y_{split}.npy", np.stack([truth(name) for name in names])[..., None].astype(np.int64))


def archive_per_split(folder: Path) -> None:
    """`train.npz` and `val.npz`, each with pictures, channels first, and one plane for each class."""
    for split, names in (("train", TRAIN), ("val", VAL)):
        pictures = np.stack([np.asarray(picture(name)).transpose(2, 0, 1) for name in names])
        planes = np.stack([np.stack([truth(name) == label for label in range(3)], axis=2) for name in names])
        np.savez(folder / f"{split}.npz", images=pictures, masks=planes)


def archive_per_sample(folder: Path) -> None:
    """A picture and its mask in each file, as data sets of slices have them."""
    for name in NAMES:
        (folder / part(name)).mkdir(parents=True, exist_ok=True)
        np.savez(folder / part(name) / f"{name}.npz", image=np.asarray(picture(name)), label=truth(name))


def arrays_in_two_folders(folder: Path) -> None:
    """`images/*.npy`, channels first and 0..1, and `labels/*.npy` of the same names."""
    for name in NAMES:
        (folder / part(name) / "images").mkdir(parents=True, exist_ok=True)
        (folder / part(name) / "labels").mkdir(parents=True, exist_ok=True)
        values = (np.asarray(picture(name)).transpose(2, 0, 1) / 255).astype(np.float32)
        np.save(folder / part(name) / "images" / f"{name}.npy", values)
        np.save(folder / part(name) / "labels" / f"{name}.npy", truth(name).astype(np.int64))


def parquet(folder: Path) -> None:
    """Hugging Face's Parquet files: bytes of PNGs in two columns."""
    (folder / "data").mkdir(parents=True)
    for split, names in (("train", TRAIN), ("validation", VAL)):
        columns = {
            "image": [{"bytes": _png(picture(name)), "path": f"{name}.png"} for name in names],
            "annotation": [{"bytes": _png(ids_mask(name)), "path": None} for name in names],
            "scene": [1] * len(names),
        }
        pyarrow.parquet.write_table(pyarrow.table(columns), folder / f"data/{split}-00000-of-00001.parquet")


def pets(folder: Path) -> None:
    """Oxford's pets: 1 pet, 2 background, 3 border; lists with numbers after the names."""
    rows = []
    for number, name in enumerate(NAMES):
        stem = f"{('Bombay', 'beagle')[number % 2]}_{number}"
        save(picture(name), folder / f"images/{stem}.jpg")
        trimap = np.array([2, 1, 3], np.uint8)[truth(name)]
        save(Image.fromarray(trimap), folder / f"annotations/trimaps/{stem}.png")
        (folder / f"annotations/trimaps/._{stem}.png").write_bytes(b"x")
        rows.append(f"{stem} {number % 2 + 1} 1 1\n")
    (folder / "annotations/list.txt").write_text("#Image CLASS-ID SPECIES BREED ID\n" + "".join(rows))
    (folder / "annotations/trainval.txt").write_text("".join(rows[:4]))
    (folder / "annotations/test.txt").write_text("".join(rows[4:]))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


TABLES = (
    metadata_lines, table_of_paths, arrays_per_split, archive_per_split, archive_per_sample, arrays_in_two_folders,
    parquet,
)  # fmt: skip
