"""`atrous predict` on pictures of more than 8 bits and with pixels without data."""

import numpy as np
import pytest
import tifffile
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.data.cache import CachedDataSet
from atrous.data.joined import JoinedData
from atrous.data.selection import first_of
from atrous.errors import InputError
from atrous.evaluation.evaluate import evaluate
from atrous.inference.predictor import Predictor
from fakes.geotiff import GEO, write_tiff
from fakes.lively_model import LABELS, blocks, lively_model

IMAGE = blocks(34, 50, seed=1)[0].permute(1, 2, 0).contiguous().numpy()
DEEP = IMAGE.astype(np.uint16) * 16
"""0..4080: with the range 0..4080 exactly `IMAGE`."""
TRAINED = {"trained_on": {"picture_range": [[0, 4080]]}}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    atrous.save(folder / "plain.safetensors", lively_model(), labels=LABELS, provenance={})
    atrous.save(folder / "deep.safetensors", lively_model(), labels=LABELS, provenance=TRAINED)
    return folder


def predict(weights, *arguments):
    return main(["predict", str(weights), *map(str, arguments), "--no-overlay"])


def test_the_range_of_the_training_data_is_kept_and_used(weights, tmp_path, capsys):
    expected = Predictor(lively_model())(IMAGE).labels
    tifffile.imwrite(tmp_path / "a.tif", DEEP, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", DEEP, photometric="rgb")
    assert (Predictor(weights / "deep.safetensors")(tmp_path / "a.tif").labels == expected).all()
    photos, out = [tmp_path / "a.tif", tmp_path / "b.tif"], tmp_path / "out"
    tiles, stated = ("--tile", "96", "--overlap", "16"), ("--picture-range", "0", "4080")
    for archive, options in (("deep", tiles), ("plain", stated)):
        assert predict(weights / f"{archive}.safetensors", photos[1], "--out", out, *options) == 0
        np.testing.assert_array_equal(np.array(Image.open(out / "b.png")), expected)
    assert "16 bits" not in capsys.readouterr().err
    assert predict(weights / "plain.safetensors", *photos, "--out", out) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("uses few of its 16 bits") == 1
    assert "--picture-range 0 " in told
    assert (np.array(Image.open(out / "a.png")) != expected).any()
    assert predict(weights / "plain.safetensors", *photos, "--out", out, "--picture-range", "5", "5") == 2


def test_evaluation_reads_pictures_as_training_did(weights, tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    truth = Predictor(lively_model())(IMAGE).labels
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"images/{name}.tif", DEEP, photometric="rgb")
        Image.fromarray(truth).save(tmp_path / f"masks/{name}.png")
    names = ", ".join(f'"{name}"' for name in LABELS.names)
    (tmp_path / "schema.toml").write_text(f"classes = [{names}]\n")
    data = atrous.open_data(tmp_path, split="all")
    report = evaluate(Predictor(weights / "deep.safetensors"), data)
    assert report.miou == 1.0
    assert report.protocol.data["picture_range"] == [[0.0, 4080.0]]
    for same in (first_of(data, 2), JoinedData((data,)), CachedDataSet(first_of(data, 2))):
        report = evaluate(Predictor(weights / "deep.safetensors"), same)
        assert (report.miou, report.protocol.data["picture_range"]) == (1.0, [[0.0, 4080.0]])
    assert evaluate(Predictor(weights / "plain.safetensors"), data).miou < 1.0


@pytest.mark.parametrize("tile", [(), ("--tile", "96", "--overlap", "16")])
def test_pixels_without_data_are_nodata_in_the_output(weights, tmp_path, capsys, tile):
    image = IMAGE.copy()
    image[image.max(axis=2) == 0] = 1
    image[5:12, 7:20] = 0
    nodata = [(42113, "s", 0, "0", True)]
    path = tmp_path / "a.tif"
    types = {33550: "d", 33922: "d", 34735: "H", 34736: "d", 34737: "s"}
    tags = [(tag, types[tag], 0 if tag == 34737 else len(value), value, True) for tag, value in GEO.items()]
    tifffile.imwrite(path, image, photometric="rgb", metadata=None, extratags=[*tags, *nodata])
    expected = Predictor(lively_model())(image).labels.copy()
    expected[5:12, 7:20] = 255
    archive = weights / "plain.safetensors"
    assert predict(archive, path, "--out", tmp_path / "out", *tile) == 0
    assert "1 pictures have pixels without data, which are 255" in capsys.readouterr().out
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out/a.png")), expected)
    with tifffile.TiffFile(tmp_path / "out/a_labels.tif") as file:
        np.testing.assert_array_equal(file.asarray(), expected)
        assert file.pages[0].tags[42113].value == "255"
    result = Predictor(archive)(path)
    np.testing.assert_array_equal(result.labels, expected)
    assert set(result.shares()) == set(result.polygons()) <= set(LABELS.names)
    assert sum(result.shares().values()) == pytest.approx(1 - 7 * 13 / expected.size)
    result.overlay()


def test_floating_point_needs_a_range(weights, tmp_path):
    path = write_tiff(tmp_path / "a.tif", IMAGE.astype(np.float32) / 255, photometric="rgb")
    with pytest.raises(InputError, match=r"holds float32 numbers from 0.* to 1; .*--picture-range"):
        Predictor(weights / "plain.safetensors")(path)
    predictor = Predictor(weights / "plain.safetensors")
    predictor.picture_range = ((0.0, 1.0),)
    np.testing.assert_array_equal(predictor(path).labels, predictor(IMAGE).labels)


def test_a_range_in_weights_that_makes_no_sense_is_refused(tmp_path):
    provenance = {"trained_on": {"picture_range": "0..1"}}
    atrous.save(tmp_path / "w.safetensors", lively_model(), labels=LABELS, provenance=provenance)
    with pytest.raises(InputError, match="state a picture range that makes no sense"):
        Predictor(tmp_path / "w.safetensors")
