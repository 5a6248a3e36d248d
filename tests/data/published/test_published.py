"""PASCAL VOC, trainaug, Cityscapes and ADE20K: every pixel of tiny ones in their true layouts, and their tables."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import scipy.io
from PIL import Image

from atrous.data.dataset import open_data
from atrous.data.published.coco_voc import CLASSES, is_coco
from atrous.data.schema import Schema, write_schema
from atrous.errors import InputError
from atrous.labels import ADE20K, CITYSCAPES, PASCAL_VOC, LabelSpace
from fakes.folder import fake_folder
from fakes.published import (
    CITYSCAPES_IDS,
    assert_labels,
    fake_ade20k,
    fake_cityscapes,
    fake_coco,
    fake_sbd,
    fake_voc,
)


def refused(folder, *parts, split="train"):
    """The data set cannot be opened, and the one line about it has these parts."""
    with pytest.raises(InputError) as error:
        open_data(folder, split=split)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("place", [".", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_voc_by_its_lists(tmp_path, place):
    truth = fake_voc(tmp_path)
    for split in ("train", "val", "trainval"):
        data = open_data(tmp_path / place, split=split)
        assert_labels(data, truth[split])
        assert data.labels == PASCAL_VOC
    assert data.describe()["split_rule"] == "trainval.txt"
    assert "PASCAL VOC" in data.name


def test_voc_masks_saved_in_colours(tmp_path):
    """As some tools save them: the devkit's colours, void in its own."""
    truth = fake_voc(tmp_path)["val"]
    colors = np.zeros((256, 3), np.uint8)
    for label in range(21):  # the devkit's rule, bit by bit
        bits = f"{label:09b}"
        colors[label] = [int(bits[8 - c] + bits[5 - c] + bits[2 - c], 2) << 5 for c in range(3)]
    colors[255] = (224, 224, 192)
    for name, labels in truth.items():
        Image.fromarray(colors[labels]).save(tmp_path / f"VOCdevkit/VOC2012/SegmentationClass/{name}.png")
    assert_labels(open_data(tmp_path, split="val"), truth)


def test_voc_palette_by_hand():
    """Colours printed on the pages of the challenge."""
    named = dict(zip(PASCAL_VOC.names, PASCAL_VOC.palette, strict=True))
    assert named["background"] == (0, 0, 0)
    assert named["aeroplane"] == (128, 0, 0)
    assert named["person"] == (192, 128, 128)
    assert named["tvmonitor"] == (0, 64, 128)


def test_trainaug_from_sbd(tmp_path):
    voc, sbd = fake_voc(tmp_path)["train"], fake_sbd(tmp_path)
    # SBD's 2007_000033 is in VOC's val; 2007_000032 keeps VOC's own mask.
    expected = voc | {name: sbd[name] for name in ("2008_000002", "2008_000003")}
    assert (expected["2007_000032"] == 255).any()
    data = open_data(tmp_path, split="trainaug")
    assert_labels(data, expected)
    assert "SBD" in data.describe()["split_rule"]


@pytest.mark.parametrize("listed", [None, "trainaug.txt", "train_aug.txt"])
def test_trainaug_from_converted_masks(tmp_path, listed):
    voc, sbd = fake_voc(tmp_path), fake_sbd(tmp_path)
    shutil.rmtree(tmp_path / "benchmark_RELEASE")
    root = tmp_path / "VOCdevkit/VOC2012"
    (root / "SegmentationClassAug").mkdir()
    expected = voc["train"] | {name: sbd[name] for name in ("2008_000002", "2008_000003")}
    for name, labels in (expected | voc["val"]).items():
        Image.fromarray(labels).save(root / f"SegmentationClassAug/{name}.png")
    if listed:
        expected.pop("2008_000003")
        (root / "ImageSets/Segmentation" / listed).write_text("\n".join(reversed(expected)))
    assert_labels(open_data(tmp_path, split="trainaug"), dict(sorted(expected.items())))


def test_trainaug_that_cannot_be(tmp_path):
    fake_voc(tmp_path)
    refused(tmp_path, "no masks for trainaug", "atrous download sbd --to", split="trainaug")
    fake_sbd(tmp_path)
    root = tmp_path / "VOCdevkit/VOC2012"
    (root / "JPEGImages/2008_000002.jpg").unlink()
    refused(tmp_path, "2008_000002.jpg is missing", split="trainaug")
    (root / "SegmentationClassAug").mkdir()
    (root / "ImageSets/Segmentation/trainaug.txt").write_text("2007_000032\n2007_000033\n")
    refused(tmp_path, "2007_000033 of val.txt", split="trainaug")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"GTcls": {"Boundaries": np.zeros(3)}}, "no struct GTcls with the field Segmentation"),
        ({"other": np.zeros((2, 2))}, "no struct GTcls"),
        ({"GTcls": {"Segmentation": "text"}}, "no matrix of numbers"),
        ({"GTcls": {"Segmentation": np.full((12, 16), 21)}}, "value 21 (192 pixels)"),
        ({"GTcls": {"Segmentation": np.full((12, 16), -1)}}, "outside the integers"),
        (None, "cannot read"),
    ],
)
def test_damaged_masks_of_sbd(tmp_path, content, part):
    fake_voc(tmp_path)
    fake_sbd(tmp_path)
    path = tmp_path / "benchmark_RELEASE/dataset/cls/2008_000002.mat"
    if content is None:
        path.write_bytes(path.read_bytes()[:150])
    else:
        scipy.io.savemat(path, content)
    data = open_data(tmp_path, split="trainaug")
    with pytest.raises(InputError, match=r"2008_000002\.mat") as error:
        data[data.names.index("2008_000002")]
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_cityscapes_fine_and_coarse(tmp_path):
    truth = fake_cityscapes(tmp_path)
    fine, coarse = truth["train", "gtFine"], truth["train", "gtCoarse"]
    val, extra = truth["val", "gtFine"], truth["train_extra", "gtCoarse"]
    expected = {
        "train": fine,
        "val": val,
        "trainval": fine | val,
        "train_coarse": coarse,
        "train_extra": extra,
        "trainval_coarse": fine | val | extra,
    }
    for split, labels in expected.items():
        assert_labels(open_data(tmp_path, split=split), labels)
    assert open_data(tmp_path, split="train").labels == CITYSCAPES
    assert CITYSCAPES.names == tuple(CITYSCAPES_IDS)
    assert any((fine[name] != coarse[name]).any() for name in fine)
    frame = open_data(tmp_path, split="train")[0]
    assert (frame.name, frame.sequence) == ("aachen/aachen_000000_000019", "aachen_000000")


def test_cityscapes_colours():
    """The bytes of `create_cityscapes_label_colormap` in the official DeepLab code."""
    colors = bytes(value for color in CITYSCAPES.palette for value in color)
    assert colors.hex() == (
        "804080f423e846464666669cbe9999999999faaa1edcdc006b8e2398fb984682b4dc143cff0000"
        "00008e000046003c640050640000e6770b20"
    )


def test_cityscapes_with_other_classes(tmp_path):
    truth = fake_cityscapes(tmp_path)["train", "gtFine"]
    flat = Schema(LabelSpace(("other", "flat")), {value: int(value in (7, 8)) for value in range(34)})
    write_schema(tmp_path / "schema.toml", flat)
    sample = open_data(tmp_path, split="train")[0]
    np.testing.assert_array_equal(sample.labels == 1, truth[sample.name] < 2)


def test_ade20k(tmp_path):
    truth = fake_ade20k(tmp_path)
    for split in ("train", "val"):
        for place in (tmp_path, tmp_path / "ADEChallengeData2016"):
            data = open_data(place, split=split)
            assert_labels(data, truth[split])
    assert data.labels == ADE20K


def test_ade20k_tables():
    """SHA-256 of the benchmark's own objectInfo150.txt (first names) and color150.mat."""
    names = hashlib.sha256("\n".join(ADE20K.names).encode()).hexdigest()
    colors = hashlib.sha256(bytes(value for color in ADE20K.palette for value in color)).hexdigest()
    assert names == "ffd47f2fcbad6c484a3e320702ff1278dae14e78d443d81987142210b70c5032"
    assert colors == "ce475c9151035eff51f4cf27fd7d906959b1480f6d15b9423ae2417c1b23a0ed"


@pytest.mark.parametrize("inside", [".", "images"])
def test_coco_with_the_classes_of_voc(tmp_path, inside):
    truth = fake_coco(tmp_path)
    for split in ("train", "val"):
        (tmp_path / inside).mkdir(exist_ok=True)
        (tmp_path / f"{split}2017").rename(tmp_path / inside / f"{split}2017")
        data = open_data(tmp_path, split=split)
        assert_labels(data, truth[split])
    assert data.labels == PASCAL_VOC
    assert data.describe()["split_rule"] == "instances_val2017.json, over 1000 pixels of VOC's classes"


def test_every_class_of_voc_has_its_category_in_coco():
    """The names of COCO's 80 categories that VOC knows, in COCO's order, and VOC's ids of them."""
    known = (
        "person 15, bicycle 2, car 7, motorcycle 14, airplane 1, bus 6, train 19, boat 4, bird 3, cat 8, dog 12, "
        "horse 13, sheep 17, cow 10, bottle 5, chair 9, couch 18, potted plant 16, dining table 11, tv 20"
    )
    table = {name: int(label) for name, _, label in (entry.rpartition(" ") for entry in known.split(", "))}
    assert {name: PASCAL_VOC.names.index(voc) for name, voc in CLASSES.items()} == table
    assert sorted(table.values()) == list(range(1, 21))


def test_coco_with_classes_of_ones_own(tmp_path):
    truth = fake_coco(tmp_path)["train"]
    names = ("background", "pizza", "person", "dog", "tv", "couch", "airplane")
    write_schema(tmp_path / "schema.toml", Schema(LabelSpace(names)))
    data = open_data(tmp_path, split="train")
    assert list(data.names) == ["000000000009", "000000000025", "000000000030"]
    first = data[0].labels
    np.testing.assert_array_equal(first == 3, (truth["000000000009"] == 12) & (first != 1))
    assert (first[30:35, :50] == 1).all()  # pizza: 500 pixels, smaller than the dog


def test_coco_without_enough_of_voc(tmp_path):
    fake_coco(tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    for area, part in ((333.4, "no image with over 1000 pixels"), (-1, "area: expected a number of pixels")):
        for annotation in content["annotations"]:
            annotation["area"] = area
        path.write_text(json.dumps(content))
        refused(tmp_path, "instances_train2017.json", part)


def test_incomplete_layouts(tmp_path):
    fake_voc(tmp_path / "voc")
    shutil.rmtree(tmp_path / "voc/VOCdevkit/VOC2012/JPEGImages")
    refused(tmp_path / "voc", "lacks the folder JPEGImages")
    fake_cityscapes(tmp_path / "city")
    refused(tmp_path / "city", "gtCoarse has no val", "cityscapes-dataset.com", split="val_coarse")
    shutil.rmtree(tmp_path / "city/leftImg8bit/val")
    refused(tmp_path / "city", "leftImg8bit has no val", split="val")
    (tmp_path / "city/gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png").unlink()
    refused(tmp_path / "city", "aachen_000000_000019_gtFine_labelIds.png is missing")
    fake_ade20k(tmp_path / "ade")
    (tmp_path / "ade/ADEChallengeData2016/annotations/validation/ADE_val_00000002.png").unlink()
    refused(tmp_path / "ade", "ADE_val_00000002.png is missing", split="val")
    shutil.rmtree(tmp_path / "ade/ADEChallengeData2016/images/training")
    refused(tmp_path / "ade", "no folder", "training")


@pytest.mark.parametrize("line", ["2007_000032 1", "../2007_000032", ".hidden", "2007_000039"])
def test_lists_that_are_not_the_data_sets(tmp_path, line):
    fake_voc(tmp_path)
    with (tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt").open("a") as listed:
        listed.write(f"{line}\n")
    refused(tmp_path, "train.txt line 3")


@pytest.mark.parametrize(
    ("fake", "choice"), [(fake_voc, "trainaug"), (fake_cityscapes, "trainval_coarse"), (fake_ade20k, "train, val")]
)
def test_unknown_splits(tmp_path, fake, choice):
    fake(tmp_path)
    refused(tmp_path, "split 'test'", choice, split="test")


def test_two_layouts_at_once(tmp_path):
    fake_voc(tmp_path)
    fake_folder(tmp_path)
    refused(tmp_path, "PASCAL VOC and images/ and masks/ at once")


def test_annotations_of_coco_without_pictures_are_known_and_pictures_of_other_names_are_not_cocos(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_val2017.json").write_text("{}")
    assert is_coco(tmp_path)
    (tmp_path / "val2017").mkdir()
    (tmp_path / "val2017/street.jpg").write_bytes(b"x")
    assert not is_coco(tmp_path)
    (tmp_path / "val2017/000000000139.jpg").write_bytes(b"x")
    assert is_coco(tmp_path)
