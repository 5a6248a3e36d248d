"""Large pictures from file to file: the labels of their tiles, and what is held meanwhile."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

import atrous.inference.large_image
from atrous.data.formats.images import read_labels
from atrous.data.formats.tiff import geo_reference
from atrous.data.formats.windows import ArrayPixels, open_pixels
from atrous.errors import InputError
from atrous.inference.output_files import plan_files
from atrous.inference.predict_files import TilingRule, predict_files
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.regions import joined_label_rows
from atrous.inference.tiling.tiles import Tiling
from fakes.geotiff import write_tiff
from fakes.lively_model import LABELS, blocks, lively_archive

TILING = Tiling(size=160, overlap=32)
IMAGE = np.ascontiguousarray(blocks(300, 210)[0].permute(1, 2, 0).numpy())


@pytest.fixture(scope="module")
def predictor():
    return Predictor(lively_archive())


def expected_labels(predictor, image=IMAGE):
    pixels = ArrayPixels(image)
    return np.concatenate(list(joined_label_rows(predictor.regions(pixels, tiling=TILING), width=image.shape[1])))


def predict(predictor, source, out, **options):
    plan = plan_files([source], out=out)
    return next(predict_files(predictor, plan, **({"tiles": TilingRule(TILING, above_pixels=0)} | options))).problem


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.tif"])
def test_whatever_the_source_the_labels_are_those_of_the_tiles(predictor, tmp_path, name):
    source, progress = tmp_path / name, []
    np.save(source, IMAGE) if name == "a.npy" else Image.fromarray(IMAGE).save(source)
    assert predict(predictor, source, tmp_path / "out", on_progress=lambda *numbers: progress.append(numbers)) is None
    labels = expected_labels(predictor)
    np.testing.assert_array_equal(read_labels(tmp_path / "out/a.png"), labels)
    assert len(np.unique(labels)) > 1
    with Image.open(tmp_path / "out/a_overlay.jpg") as overlay:
        assert overlay.width == 210
    assert progress[-1][0] == progress[-1][1] == len(progress) > 2


def test_only_large_pictures_are_cut(predictor, tmp_path):
    for name in ("a.npy", "b.png"):
        source = tmp_path / name
        np.save(source, IMAGE) if name == "a.npy" else Image.fromarray(IMAGE).save(source)
        assert predict(predictor, source, tmp_path / "out", tiles=TilingRule(TILING, above_pixels=300 * 210)) is None
        whole = read_labels(tmp_path / f"out/{source.stem}.png")
        np.testing.assert_array_equal(whole, predictor(IMAGE).labels)
    assert (whole != expected_labels(predictor)).any()


def test_a_geotiff_keeps_its_place_and_its_palette(predictor, tmp_path):
    source = write_tiff(tmp_path / "a.tif", IMAGE, photometric="rgb", geo=True, tile=(64, 64))
    assert predict(predictor, source, tmp_path / "out") is None
    labels = tmp_path / "out/a_labels.tif"
    np.testing.assert_array_equal(tifffile.imread(labels), expected_labels(predictor))
    assert geo_reference(labels) == geo_reference(source)
    with Image.open(labels) as shown:
        assert shown.getpalette()[:12] == [value for color in LABELS.palette for value in color]


@pytest.mark.parametrize("ignore", [255, 40000])
def test_pixels_without_data_are_written_as_in_pictures_predicted_whole(tmp_path, ignore):
    image = np.where(IMAGE.max(axis=2, keepdims=True) == 0, 1, IMAGE).astype(np.uint8)
    image[40:290, 30:90] = 0
    source = write_tiff(tmp_path / "a.tif", image, photometric="rgb", geo=True, tile=(64, 64), nodata="0")
    predictor = Predictor(lively_archive(), labels=replace(LABELS, ignore=ignore))
    for name, above_pixels in (("whole", 10**6), ("tiles", 0)):
        rule = TilingRule(Tiling(size=400), above_pixels=above_pixels)
        assert predict(predictor, source, tmp_path / name, tiles=rule) is None
    for read, name in ((read_labels, "a.png"), (tifffile.imread, "a_labels.tif")):
        whole, tiles = (read(tmp_path / folder / name) for folder in ("whole", "tiles"))
        assert (whole[40:290, 30:90] == ignore).all()
        assert (whole == ignore).sum() == 250 * 60
        assert whole.dtype == tiles.dtype
        np.testing.assert_array_equal(tiles, whole)


def test_shares_are_those_of_the_label_map(tmp_path):
    image = IMAGE.copy()
    image[40:290, 30:90] = 0
    source = write_tiff(tmp_path / "a.tif", image, photometric="rgb", geo=True, tile=(64, 64), nodata="0")
    (outcome,) = predict_files(
        Predictor(lively_archive(), labels=LABELS),
        plan_files([source], out=tmp_path / "out"),
        tiles=TilingRule(TILING, above_pixels=0),
    )
    written = read_labels(tmp_path / "out/a.png")
    expected = {name: (written == label).mean() for label, name in enumerate(LABELS.names)}
    assert outcome.shares == pytest.approx({name: share for name, share in expected.items() if share})
    assert len(outcome.shares) > 2
    assert list(outcome.shares.values()) == sorted(outcome.shares.values(), reverse=True)


def test_overlays_of_large_pictures_are_shrunk(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(atrous.inference.large_image, "OVERLAY_SIDE", 100)
    monkeypatch.setattr("atrous.report.overlay_colors.OUTLINED_SIDE", 1000)  # JPEG blurs thin lines
    np.save(tmp_path / "a.npy", IMAGE)
    assert predict(predictor, tmp_path / "a.npy", tmp_path / "out") is None
    small = atrous.Result(expected_labels(predictor)[::3, ::3], IMAGE[::3, ::3], LABELS).overlay()
    with Image.open(tmp_path / "out/a_overlay.jpg") as overlay:
        assert overlay.size == small.size
        assert np.abs(np.array(overlay).astype(int) - np.array(small)).mean() < 8  # JPEG


def test_a_picture_that_ends_too_early_leaves_nothing(predictor, tmp_path):
    source = write_tiff(tmp_path / "a.tif", IMAGE, photometric="rgb", tile=(64, 64))
    source.write_bytes(source.read_bytes()[:-40000])
    problem = predict(predictor, source, tmp_path / "out")
    assert "a.tif" in problem
    assert not list((tmp_path / "out").iterdir())


def test_limits_are_told(predictor, tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    problem = predict(predictor, tmp_path / "a.png", tmp_path / "out", max_pixels=62999)
    assert "210 x 300 pixels, more than the limit of 62999" in problem
    with pytest.raises(InputError, match="cannot overlap by 60"):
        next(predictor.regions(open_pixels(tmp_path / "a.png"), tiling=Tiling(size=64, overlap=60)))


PEAKS = """
import os, sys
from pathlib import Path
import numpy as np, torch
import atrous
from atrous.data.formats.windows import open_pixels
from atrous.inference.large_image import predict_large_image
from atrous.inference.output_files import PredictionFiles
from atrous.inference.tiling.tiles import Tiling
from fakes.small_models import small_config
torch.set_num_threads(1)
folder = Path(sys.argv[1])

def predict(height, classes):
    array = np.lib.format.open_memmap(folder / "a.npy", mode="w+", dtype=np.uint8, shape=(height, 1500, 3))
    for top in range(0, height, 500):
        array[top : top + 500] = top % 251
    del array
    config = small_config("deeplabv3_mobilenet_v2", classes=classes, output_stride=16)
    predictor = atrous.Predictor(atrous.build(config))
    files = PredictionFiles(folder / "a.npy", labels=folder / "a.png", overlay=None)
    predict_large_image(predictor, open_pixels(folder / "a.npy"), files, tiling=Tiling(512, 64, "tile"))
    # Unlike `ru_maxrss` it knows nothing of the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), flush=True)

for size in sys.argv[2:]:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        predict(*map(int, size.split("x")))
        os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel as Linux answers")
def test_memory_grows_with_neither_height_nor_classes(tmp_path):
    """MiB at the peak; the taller picture is 17 MiB larger, its labels 6; its logits of 500 classes are 56."""

    # Processes of one process that has imported everything. The first two compile and keep machine code on disk:
    # compilers take memory, too.
    sizes = ["500x21", "500x500", "1000x21", "5000x21", "5000x500"]
    command = [sys.executable, "-c", PEAKS, str(tmp_path), *sizes]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    _, _, low, high, many = (int(line) / 1024 for line in subprocess.check_output(command, env=environment).split())
    assert abs(high - low) < 10
    assert abs(many - low) < 30
