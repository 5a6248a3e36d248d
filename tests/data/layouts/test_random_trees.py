"""Random folder trees over the known names: no picture is in two splits, and every file is used or remarked."""

import re
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atrous.data.complaints import collecting
from atrous.data.layouts.scanner import contents_of
from atrous.errors import InputError

IMAGE_FOLDERS = ("images", "image", "Imgs", "img", "JPEGImages", "img_dir", "data", "alpha", "cat", "")
MASK_FOLDERS = (
    "masks", "mask", "labels", "annotations", "ann_dir", "SegmentationClass", "1st_manual", "2nd_manual", "fov", "beta",
    "masks/cat", "masks/dog", "trimaps", "cat", "labels-ah", "labels-vk", "",
)  # fmt: skip
SPLITS = ("train", "Training", "val", "valid", "validation", "dev", "test", "trainval", "")
EXTRAS = (
    "Thumbs.db", ".DS_Store", "notes.txt", "classes.txt", "train.txt", "val.txt", "trainval.txt", "other/readme.md",
    "metadata.csv", "labels.json", "x_train.npy", "label_list.mat",
)  # fmt: skip
AFFIXES = ("", "_mask", "_gt", "-label", "_1stHO", "_2ndHO", "_cat", "_mask_1")
STEMS = ("a", "b1", "c 2", "d-3")


@st.composite
def trees(draw):
    """Paths of pictures, of masks, and of other files."""
    image = draw(st.sampled_from(IMAGE_FOLDERS))
    kinds = draw(
        st.lists(
            st.tuples(st.sampled_from(MASK_FOLDERS), st.sampled_from(AFFIXES)), min_size=1, max_size=2, unique=True
        )
    )
    above = draw(st.booleans())
    images, masks = [], []
    for split in draw(st.lists(st.sampled_from(SPLITS), min_size=1, max_size=3, unique=True)):
        for stem in draw(st.lists(st.sampled_from(STEMS), min_size=1, max_size=4, unique=True)):
            files = [(mask, f"{stem}{affix}.png", masks) for mask, affix in kinds]
            for folder, name, found in [(image, f"{stem}.jpg", images), *files]:
                if found is images or draw(st.integers(0, 9)):
                    found.append(Path(split, folder, name) if above else Path(folder, split, name))
    return images, masks, draw(st.lists(st.sampled_from(EXTRAS), max_size=3, unique=True))


@settings(max_examples=40)
@given(trees())
def test_no_picture_is_in_two_splits_and_every_file_is_used_or_remarked(tree):
    images, masks, extras = tree
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in {*images, *masks, *map(Path, extras)}:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".jpg":
                Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3).save(root / path)
            elif path.suffix == ".png":
                Image.fromarray(np.eye(8, dtype=np.uint8)).save(root / path)
            else:
                (root / path).write_text("a\nb1\n")
        with collecting() as complaints:
            try:
                contents = contents_of(root)
            except InputError:  # no layout at all: the line says what was seen (`test_unknown_layouts.py`)
                return
        split_of = {}
        for split, part in contents.splits.items():
            for pair in part.pairs:
                assert split_of.setdefault(pair.image, split) == split
        used = {path for pair in contents.pairs for path in (pair.image, pair.mask, pair.ignore) if path} | {
            root / path for path in contents.used
        }
        rest = {path for path in root.rglob("*") if path.is_file()} - used
        lines = " ".join(complaint.line for complaint in complaints)
        told = sum(int(word) for word in re.findall(r"left out: (\d+) file", lines))
        named = {path for path in rest if str(path.relative_to(root)) in lines}
        assert told >= len(rest) or rest == named, (rest - named, lines)
