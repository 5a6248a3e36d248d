"""Submissions from the command line: what is written for a server, read as the truth, is what was predicted."""

import json
import shutil

import pytest

import atrous
from atrous.cli.main import main
from atrous.labels import CITYSCAPES, PASCAL_VOC
from fakes.lively_model import lively_model
from fakes.published import VOC_LISTS, fake_cityscapes, fake_voc


@pytest.mark.parametrize("server", ["voc", "cityscapes"])
def test_a_submission_taken_for_the_truth_is_perfect(server, tmp_path):
    weights, data, out = tmp_path / "w.safetensors", tmp_path / "data", tmp_path / "out"
    labels = PASCAL_VOC if server == "voc" else CITYSCAPES
    atrous.save(weights, lively_model(classes=len(labels)), labels=labels, provenance={})
    if server == "voc":
        fake_voc(data, size=(33, 49))
        root = data / "VOCdevkit/VOC2012"
        pictures = [str(root / "JPEGImages"), "--only", str(root / "ImageSets/Segmentation/val.txt")]
        files = [f"results/VOC2012/Segmentation/comp6_test_cls/{name}.png" for name in VOC_LISTS["val"]]
        truths = [root / f"SegmentationClass/{name}.png" for name in VOC_LISTS["val"]]
    else:
        fake_cityscapes(data, size=(33, 49))
        pictures = [str(data / "leftImg8bit/val/lindau")]
        files = ["lindau_000000_000019_pred_labelIds.png"]
        truths = [data / "gtFine/val/lindau/lindau_000000_000019_gtFine_labelIds.png"]
    assert main(["predict", str(weights), *pictures, "--server", server, "--out", str(out)]) == 0
    assert sorted(path for path in out.rglob("*") if path.is_file()) == [out / file for file in files]
    for file, truth in zip(files, truths, strict=True):
        shutil.copy(out / file, truth)
    report = tmp_path / "report.json"
    assert main(["evaluate", str(weights), "--data", str(data), "--split", "val", "--json", str(report)]) == 0
    numbers = json.loads(report.read_text())
    assert numbers["miou"] == numbers["boundary_miou"] == 1
    assert sum(value is not None for value in numbers["iou"].values()) > 2
