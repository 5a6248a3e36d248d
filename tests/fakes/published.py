"""Tiny PASCAL VOC, SBD, Cityscapes and ADE20K in the layouts of their archives.

Each writes noise and returns the class ids that a reader must find, by the name of the sample; 255 is ignored.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

Truth = dict[str, np.ndarray]

VOC_LISTS = {"train": ("2007_000032", "2007_000039"), "val": ("2007_000033", "2007_000061")}
SBD_LISTS = {"train": ("2007_000032", "2008_000002", "2007_000033"), "val": ("2008_000003",)}

CITYSCAPES_IDS = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19,
    "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26, "truck": 27,
    "bus": 28, "train": 31, "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
"""Label id of each class, by the definitions of the benchmark's own scripts; in the order of the train ids."""
CITYSCAPES_FRAMES = {
    ("train", "gtFine"): ("aachen_000000_000019", "bochum_000000_000313"),
    ("train", "gtCoarse"): ("aachen_000000_000019", "bochum_000000_000313"),
    ("val", "gtFine"): ("lindau_000000_000019",),
    ("train_extra", "gtCoarse"): ("augsburg_000000_000000_x", "augsburg_000001_000000_x"),
}


def noise(generator: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A picture that tells nothing."""
    return Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8))


def drawn(names: Sequence[str], *, classes: int, size: tuple[int, int], seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Class ids and 255 of each name, every id at least once where there is room."""
    generator = np.random.default_rng(seed)
    values = np.append(np.arange(classes), 255).astype(np.uint8)
    for name in names:
        yield name, generator.permutation(np.resize(values, size[0] * size[1])).reshape(size)


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture, and its folder where that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def fake_voc(folder: Path, *, size: tuple[int, int] = (12, 16), seed: int = 0) -> dict[str, Truth]:
    """`VOCdevkit/VOC2012` below the folder; class ids by split."""
    root, generator, truth = folder / "VOCdevkit/VOC2012", np.random.default_rng(seed), {}
    for split, names in VOC_LISTS.items():
        truth[split] = dict(drawn(names, classes=21, size=size, seed=seed + len(split)))
        for name, labels in truth[split].items():
            mask = Image.fromarray(labels)
            mask.putpalette(generator.integers(0, 256, 768, dtype=np.uint8).tobytes())  # colours must not matter
            save(mask, root / f"SegmentationClass/{name}.png")
            save(noise(generator, size), root / f"JPEGImages/{name}.jpg")
    truth["trainval"] = truth["train"] | truth["val"]
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split, names in truth.items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return truth


def fake_sbd(folder: Path, *, size: tuple[int, int] = (12, 16), seed: int = 0) -> Truth:
    """`benchmark_RELEASE` beside `VOCdevkit`, and the images that VOC has of it; class ids of all its masks."""
    root, generator = folder / "benchmark_RELEASE/dataset", np.random.default_rng(seed)
    names = sorted({name for listed in SBD_LISTS.values() for name in listed})
    truth = {}
    for name, labels in drawn(names, classes=21, size=size, seed=seed):
        truth[name] = np.where(labels == 255, 0, labels).astype(np.uint8)  # SBD has no void
        path = root / f"cls/{name}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        field = {"Boundaries": np.zeros((20, 1), object), "Segmentation": truth[name]}
        scipy.io.savemat(path, {"GTcls": field}, do_compression=True)
        image = folder / f"VOCdevkit/VOC2012/JPEGImages/{name}.jpg"
        if not image.exists():
            save(noise(generator, size), image)
    for part, listed in SBD_LISTS.items():
        (root / f"{part}.txt").write_text("".join(f"{name}\n" for name in listed))
    return truth


def fake_cityscapes(folder: Path, *, size: tuple[int, int] = (12, 16), seed: int = 0) -> dict[tuple[str, str], Truth]:
    """Packages of fine and coarse labels; class ids by (folder of frames, package of labels)."""
    generator, truth = np.random.default_rng(seed), {}
    ids = np.array([*CITYSCAPES_IDS.values()], np.uint8)
    unused = np.setdiff1d(np.arange(34), ids).astype(np.uint8)
    for (part, package), frames in CITYSCAPES_FRAMES.items():
        truth[part, package] = {}
        for frame, labels in drawn(frames, classes=19, size=size, seed=seed + len(part + package)):
            city, frame = frame.partition("_")[0], frame.removesuffix("_x")
            values = np.where(labels == 255, generator.choice([*unused, 255], size), ids[np.minimum(labels, 18)])
            save(
                Image.fromarray(values.astype(np.uint8)),
                folder / f"{package}/{part}/{city}/{frame}_{package}_labelIds.png",
            )
            image = folder / f"leftImg8bit/{part}/{city}/{frame}_leftImg8bit.png"
            if not image.exists():
                save(noise(generator, size), image)
            truth[part, package][f"{city}/{frame}"] = labels
    return truth


def fake_ade20k(folder: Path, *, size: tuple[int, int] = (12, 16), seed: int = 0) -> dict[str, Truth]:
    """`ADEChallengeData2016` below the folder; class ids by split. A file holds 0 or the class id and one."""
    root, generator, truth = folder / "ADEChallengeData2016", np.random.default_rng(seed), {}
    for split, part, short in (("train", "training", "train"), ("val", "validation", "val")):
        names = [f"ADE_{short}_{number:08}" for number in (1, 2, 10)]
        truth[split] = dict(drawn(names, classes=150, size=size, seed=seed + len(part)))
        for name, labels in truth[split].items():
            save(Image.fromarray(labels + np.uint8(1)), root / f"annotations/{part}/{name}.png")  # 255 + 1 is 0
            save(noise(generator, size), root / f"images/{part}/{name}.jpg")
    return truth


COCO_CATEGORIES = {"person": 1, "airplane": 5, "dog": 18, "pizza": 59, "couch": 63, "tv": 72}
COCO_SHAPES = (
    (9, "dog", (2, 1, 32, 35)),  # 1020 pixels
    (9, "pizza", (0, 30, 50, 40)),  # background, and does not hide the dog
    (9, "tv", (10, 10, 15, 20)),  # smaller, so it lies on the dog
    (9, "person", (1, 36, 49, 39)),  # a crowd
    (25, "couch", (0, 0, 25, 40)),  # 1000 pixels: not more
    (25, "pizza", (0, 0, 50, 40)),
    (30, "couch", (0, 0, 25, 40)),
    (30, "airplane", (40, 0, 41, 1)),  # 1001
)
COCO_SIZE = (40, 50)


def fake_coco(folder: Path, *, seed: int = 0) -> dict[str, Truth]:
    """COCO 2017 with rectangles: class ids by split of the images that are kept."""
    generator, truth = np.random.default_rng(seed), {}
    for split in ("train", "val"):
        names = {number: f"{number:012}" for number in (9, 25, 30)}
        for name in names.values():
            save(noise(generator, COCO_SIZE), folder / f"{split}2017/{name}.jpg")
        size = {"height": COCO_SIZE[0], "width": COCO_SIZE[1]}
        content = {
            "images": [{"id": number, "file_name": f"{name}.jpg", **size} for number, name in names.items()],
            "annotations": [_coco_annotation(number, *shape) for number, shape in enumerate(COCO_SHAPES)],
            "categories": [{"id": number, "name": name} for name, number in COCO_CATEGORIES.items()],
        }
        path = folder / f"annotations/instances_{split}2017.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
        truth[split] = {names[9]: np.zeros(COCO_SIZE, np.uint8), names[30]: np.zeros(COCO_SIZE, np.uint8)}
        first, third = truth[split].values()
        first[36:39, 1:49] = 255
        first[1:35, 2:32] = 12  # dog in VOC
        first[10:20, 10:15] = 20  # tvmonitor
        third[:, :25] = 18  # sofa
        third[0, 40] = 1  # aeroplane
    return truth


def _coco_annotation(number: int, image: int, name: str, box: tuple[int, int, int, int]) -> dict:
    left, top, right, bottom = box
    inside = np.zeros(COCO_SIZE, bool)
    inside[top:bottom, left:right] = True
    runs = np.diff([0, *np.flatnonzero(np.diff(inside.T.ravel())) + 1, inside.size]).tolist()
    crowd = name == "person"
    polygon = [left, top, right, top, right, bottom, left, bottom]
    return {
        "id": number, "image_id": image, "category_id": COCO_CATEGORIES[name], "iscrowd": int(crowd),
        "area": float(inside.sum()), "segmentation": {"counts": runs, "size": COCO_SIZE} if crowd else [polygon],
    }  # fmt: skip


def assert_labels(data, truth: Mapping[str, np.ndarray]) -> None:
    """A data set gives these samples in this order, each with these class ids."""
    assert list(data.names) == list(truth)
    for index, (name, labels) in enumerate(truth.items()):
        sample = data[index]
        assert sample.name == name
        np.testing.assert_array_equal(sample.labels, labels)
        assert sample.image.shape == (*labels.shape, 3)
