"""Recipes of the papers from data to the servers' files, on fakes of their data sets with a tiny network."""

import json
from pathlib import Path

from atrous.cli.main import main
from fakes.full_sets import full_ade20k, full_cityscapes, full_voc
from fakes.published import fake_coco

NETWORK = ["--model", "deeplabv3plus_mobilenet_v2", "--depth-multiplier", "0.1", "--aspp-channels", "8"]
SHORT = ["--iterations", "2", "--validate-every", "2", "--batch-size", "2", "--crop", "33", "--device", "cpu"]
TRAINING = [*NETWORK, *SHORT, "--low-level-channels", "4", "--refinement", "3", "8", "True", "--workers", "0"]


def run(*words: object) -> None:
    """Run a command line, which has to succeed."""
    assert main([str(word) for word in words]) == 0, words


def config(folder: Path) -> dict:
    """Settings and data of a run folder."""
    return json.loads((folder / "config.json").read_text())


def rehearse_voc(folder: Path, *, share: float, starts: int = 1) -> None:
    """Both stages of `voc`, then `coco` and both stages of `voc-coco`, then the files for the test server."""
    data, coco = folder / "voc", folder / "coco"
    counts = full_voc(data, share=share)
    coco.mkdir()
    fake_coco(coco)
    run("train", coco, "--recipe", "coco", "--out", folder / "runs/coco", *TRAINING)
    for recipe, start in (("voc", []), ("voc-coco", ["--weights", folder / "runs/coco/last.safetensors"])):
        out = folder / "runs" / recipe
        for _ in range(starts):  # from the second on everything is done, and nothing is trained again
            run("train", data, "--recipe", recipe, "--out", out, "--second-iterations", 2, *start, *TRAINING)
        first, second = config(out / "stage1"), config(out)
        assert first["data"]["images"] == counts["trainaug"]
        assert second["data"]["images"] == counts["trainval"]
        assert second["training"]["norms"] == "frozen"
        assert second["training"]["model"]["output_stride"] == 8
        assert second["training"]["sampling"]["hard_copies"] == 2
        assert second["training"]["learning_rate"] == (0.001 if recipe == "voc" else 0.0001)
    root = data / "VOCdevkit/VOC2012"
    pictures = [root / "JPEGImages", "--only", root / "ImageSets/Segmentation/test.txt"]
    run(
        "predict", folder / "runs/voc-coco", *pictures, "--server", "voc", "--out", folder / "server", "--device", "cpu"
    )
    assert len([*folder.glob("server/results/VOC2012/Segmentation/comp6_test_cls/*.png")]) == counts["test"]


def rehearse_cityscapes(folder: Path, *, share: float) -> None:
    """`cityscapes`, an evaluation, and the files for the test server."""
    data, out = folder / "cityscapes", folder / "runs/cityscapes"
    counts = full_cityscapes(data, share=share)
    run("train", data, "--recipe", "cityscapes", "--out", out, *TRAINING)
    about = config(out)
    assert (about["data"]["images"], about["validation"]["images"]) == (counts["train"], counts["val"])
    run("evaluate", out, "--data", data, "--split", "val", "--pad", "49x65", "--device", "cpu")
    pictures = data / "leftImg8bit/test/berlin"
    run("predict", out, pictures, "--server", "cityscapes", "--out", folder / "server", "--device", "cpu")
    assert len([*folder.glob("server/*_pred_labelIds.png")]) == counts["test"]


def rehearse_ade20k(folder: Path, *, share: float) -> None:
    """`ade20k` and an evaluation at output stride 8 with a mirrored view."""
    data, out = folder / "ade20k", folder / "runs/ade20k"
    counts = full_ade20k(data, share=share)
    run("train", data, "--recipe", "ade20k", "--out", out, *TRAINING)
    about = config(out)
    assert (about["data"]["images"], about["validation"]["images"]) == (counts["training"], counts["validation"])
    run("evaluate", out, "--data", data, "--split", "val", "--output-stride", 8, "--flip", "--device", "cpu")
