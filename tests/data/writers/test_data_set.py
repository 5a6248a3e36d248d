"""A data set written in another format is the same data set: read back by other means, pixel for pixel."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from atrous.cli.main import main
from atrous.data.annotations.regions import polygon_region
from atrous.data.dataset import open_data
from atrous.data.schema import Schema, write_schema
from atrous.data.writers.geojson import write_geojson
from atrous.labels import LabelSpace

SPACE = LabelSpace(("background", "leaf", 'stem: a, "b"'), palette=((0, 0, 0), (10, 200, 30), (200, 10, 30)))
SIZE = (60, 80)


def label_map(seed: int) -> np.ndarray:
    """Discs over each other, one with a hole, and ignored pixels."""
    rows, columns = np.indices(SIZE)
    labels = np.zeros(SIZE, np.uint8)
    for label, (x, y, radius) in zip(
        (1, 2, 0, 1, 255), np.random.default_rng(seed).uniform(8, 50, (5, 3)), strict=True
    ):
        labels[(rows - y) ** 2 + (columns - x) ** 2 <= (radius / 2) ** 2] = label
    return labels


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    for split, seeds in (("train", (0, 1, 2)), ("val", (3,))):
        for kind in ("images", "masks"):
            (folder / kind / "in").mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "images" / "in" / f"s{seed}.png")
            Image.fromarray(label_map(seed)).save(folder / "masks" / "in" / f"s{seed}.png")
        (folder / f"{split}.txt").write_text("".join(f"in/s{seed}\n" for seed in seeds))
    write_schema(folder / "schema.toml", Schema(SPACE))
    return folder


def convert(data: Path, form: str, *more: str) -> Path:
    out = data.parent / form
    assert main(["doctor", str(data), "--write", str(out), "--as", form, *more]) == 0
    for seed in range(4):
        (copy,) = (
            out.rglob(f"s{seed}.png")
            if form not in ("masks", "voc")
            else [path for path in out.rglob(f"s{seed}.png") if path.parts[-3] in ("images", "JPEGImages")]
        )
        assert copy.read_bytes() == (data / "images" / "in" / f"s{seed}.png").read_bytes()
    return out


def test_plain_masks_are_the_same_data_set(data):
    out = convert(data, "masks")
    for split in ("train", "val"):
        before, after = open_data(data, split=split), open_data(out, split=split)
        assert list(before.names) == list(after.names)
        assert after.labels == SPACE
        for index in range(len(before)):
            np.testing.assert_array_equal(before[index].labels, after[index].labels)


def test_voc_masks_hold_ids_and_colours(data):
    out = convert(data, "voc")
    for seed in range(4):
        with Image.open(out / "SegmentationClass" / "in" / f"s{seed}.png") as mask:
            assert mask.mode == "P"
            assert mask.getpalette()[3:6] == [10, 200, 30]
            np.testing.assert_array_equal(np.array(mask), label_map(seed))
    assert (out / "ImageSets" / "Segmentation" / "val.txt").read_text() == "in/s3\n"
    assert "leaf:10,200,30::" in (out / "labelmap.txt").read_text().splitlines()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools 2.0
def test_coco_run_lengths_are_read_by_cocos_own_reader(data):
    out = convert(data, "coco")
    seen, numbers = 0, []
    for split in ("train", "val"):
        content = json.loads((out / "annotations" / f"instances_{split}.json").read_text())
        numbers += [image["id"] for image in content["images"]]
        # From 1: COCO's own evaluation takes an annotation 0 for none at all.
        assert [entry["id"] for entry in content["annotations"]] == [*range(1, len(content["annotations"]) + 1)]
        assert [entry["id"] for entry in content["categories"]] == [2, 3, 4]
        assert [entry["name"] for entry in content["categories"]] == [*SPACE.names[1:], "__ignore__"]
        for image in content["images"]:
            labels = np.zeros(SIZE, np.uint8)
            for entry in content["annotations"]:
                if entry["image_id"] == image["id"]:
                    packed = coco_mask.frPyObjects(entry["segmentation"], *SIZE)
                    inside = coco_mask.decode(packed) == 1
                    assert entry["area"] == inside.sum()
                    (rows, columns), (x, y, wide, high) = np.nonzero(inside), entry["bbox"]
                    assert (x, y, x + wide - 1, y + high - 1) == (columns.min(), rows.min(), columns.max(), rows.max())
                    value = entry["category_id"] - 1
                    labels[inside] = 255 if value == len(SPACE) else value
            np.testing.assert_array_equal(labels, label_map(int(Path(image["file_name"]).stem[1:])))
            seen += 1
    assert seen == 4
    assert numbers == [1, 2, 3, 4]


@pytest.mark.parametrize("form", ["masks", "coco", "yolo", "labelme", "voc"])
def test_what_is_written_is_read_back(data, form):
    """Ignored pixels stay ignored, but in YOLO's files, which have no such thing."""
    out = convert(data, form)
    for split, count in (("train", 3), ("val", 1)):
        read = open_data(out, split=split)
        assert len(read) == count
        assert set(read.labels.names) == set(SPACE.names)
        order = np.full(256, read.labels.ignore if form != "yolo" else 0)
        order[: len(SPACE)] = [read.labels.names.index(name) for name in SPACE.names]
        for index, name in enumerate(read.names):
            np.testing.assert_array_equal(read[index].labels, order[label_map(int(name[-1]))])


def painted(polygons) -> np.ndarray:
    labels = np.zeros(SIZE, np.uint8)
    for value, points in polygons:
        polygon_region(np.array(points, np.float64), size=SIZE).paint(labels, value=value)
    return labels


def test_yolo_polygons_are_the_map_but_for_ignored_pixels(data, capsys):
    out = convert(data, "yolo")
    lost = sum(int((label_map(seed) == 255).sum()) for seed in range(4))
    assert f"{lost} pixels without a class become background" in capsys.readouterr().out
    assert (out / "data.yaml").read_text().splitlines()[-2:] == ['  0: "leaf"', '  1: "stem: a, \\"b\\""']
    for split, seeds in (("train", (0, 1, 2)), ("val", (3,))):
        for seed in seeds:
            lines = (out / "labels" / split / "in" / f"s{seed}.txt").read_text().splitlines()
            polygons = [
                (int(label) + 1, np.array(values, np.float64).reshape(-1, 2) * SIZE[::-1])
                for label, *values in map(str.split, lines)
            ]
            expected = np.where(label_map(seed) == 255, 0, label_map(seed))
            np.testing.assert_array_equal(painted(polygons), expected)


@pytest.mark.parametrize(("tolerance", "least"), [("0", 1.0), ("0.6", 0.98)])
def test_labelme_polygons_are_the_map(data, tolerance, least):
    out = convert(data, "labelme", "--tolerance", tolerance)
    values = {name: label for label, name in enumerate(SPACE.names)} | {"__ignore__": 255}
    for split in ("train", "val"):
        assert [*open_data(out, split=split).names] == [*open_data(data, split=split).names]
    for seed in range(4):
        content = json.loads((out / "images" / "in" / f"s{seed}.json").read_text())
        assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == (f"s{seed}.png", *SIZE)
        labels = painted([(values[shape["label"]], shape["points"]) for shape in content["shapes"]])
        for label in np.unique(label_map(seed)).tolist():
            expected, found = label_map(seed) == label, labels == label
            if expected.sum() >= 100:
                assert (expected & found).sum() >= least * (expected | found).sum()


def test_geojson_has_holes_and_coordinates_on_earth(tmp_path):
    labels = np.zeros((5, 6), np.uint8)
    labels[1:4, 1:4] = 1
    labels[2, 2] = 255
    affine = np.array([[2.0, 0.0, 100.0], [0.0, -2.0, 50.0]])
    write_geojson(tmp_path / "a.geojson", labels, SPACE, affine=affine)
    (feature,) = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert feature["properties"] == {"class": "leaf", "class_id": 1, "color": [10, 200, 30], "pixels": 8}
    outline, hole = feature["geometry"]["coordinates"]
    assert outline[0] == outline[-1]
    assert {tuple(point) for point in outline} == {(102, 48), (108, 48), (108, 42), (102, 42)}
    assert {tuple(point) for point in hole} == {(104, 46), (106, 46), (106, 44), (104, 44)}
    x, y = np.array(outline).T
    assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0  # counterclockwise where y points up


def test_images_that_cannot_be_read_are_left_out_and_named(data, capsys):
    (data / "masks" / "in" / "s1.png").write_bytes(b"no mask")
    out = data.parent / "out"
    assert main(["doctor", str(data), "--write", str(out)]) == 1
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("left out") and "s1.png" in line]
    assert "wrote    3 images" in printed
    assert (out / "train.txt").read_text() == "in/s0\nin/s2\n"


def test_nothing_is_mixed_with_files_that_are_there(data, capsys):
    assert main(["doctor", str(data), "--write", str(data)]) == 2
    assert "is not an empty folder" in capsys.readouterr().err
