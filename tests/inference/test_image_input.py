"""Every form of an image gives the labels of the same array; other things are refused with what is taken."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import atrous
from atrous.inference import image_input as forms_of_images
from atrous.inference.image_input import image_array
from atrous.inference.predictor import Predictor
from fakes.geotiff import write_tiff
from fakes.lively_model import blocks, lively_archive, lively_model

ARRAY = np.ascontiguousarray(blocks(33, 49)[0].permute(1, 2, 0).numpy())


@pytest.fixture(scope="module")
def predictor():
    return Predictor(lively_archive())


@pytest.fixture
def png(tmp_path):
    Image.fromarray(ARRAY).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_every_form_gives_the_same_labels(predictor, png):
    expected = predictor(ARRAY).labels
    assert len(np.unique(expected)) > 1
    np.save(png.with_suffix(".npy"), ARRAY)
    forms = [
        png, str(png), png.with_suffix(".npy"), png.read_bytes(), bytearray(png.read_bytes()), Image.open(png),
        io.BytesIO(png.read_bytes()), torch.from_numpy(ARRAY).permute(2, 0, 1), ARRAY[:, ::-1][:, ::-1],
    ]  # fmt: skip
    for form in forms:
        np.testing.assert_array_equal(predictor(form).labels, expected)
    with png.open("rb") as file:
        np.testing.assert_array_equal(predictor(file).image, ARRAY)


def test_pixels_without_data_are_ignored_in_every_form_of_a_file(predictor, tmp_path, monkeypatch):
    image = np.maximum(ARRAY, 1)
    image[5:12, 7:20] = 0
    path = write_tiff(tmp_path / "a.tif", image, photometric="rgb", nodata="0")
    expected = predictor(image).labels.copy()
    expected[5:12, 7:20] = 255
    monkeypatch.setattr(forms_of_images, "download_image", lambda _: path.read_bytes())
    content = path.read_bytes()
    for form in (path, str(path), content, io.BytesIO(content), "https://example.org/a.tif"):
        np.testing.assert_array_equal(predictor(form).labels, expected)
    for found in predictor([path, content, io.BytesIO(content), "https://example.org/a.tif"]):
        np.testing.assert_array_equal(found.labels, expected)


def test_grey_becomes_rgb_and_transparency_white():
    grey = ARRAY[..., 0]
    for form in (grey, grey[..., None], torch.from_numpy(grey), torch.from_numpy(grey)[None], Image.fromarray(grey)):
        np.testing.assert_array_equal(image_array(form, channels=3)[0], np.stack([grey] * 3, axis=2))
    half = np.dstack((ARRAY, np.full(ARRAY.shape[:2], 128, np.uint8)))
    expected = (ARRAY * (128 / 255) + 255 * (127 / 255)).round()
    for form in (half, Image.fromarray(half), torch.from_numpy(half).permute(2, 0, 1)):
        assert np.abs(image_array(form, channels=3)[0] - expected).max() <= 1  # Pillow rounds in integers


def test_models_of_other_channels_take_all_of_them():
    bands = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(image_array(bands, channels=4)[0], bands)
    np.testing.assert_array_equal(image_array(bands[..., 0], channels=1)[0], bands[..., :1])


def test_a_list_gives_a_list_in_order(predictor, png):
    other = np.ascontiguousarray(blocks(18, 26, seed=3)[0].permute(1, 2, 0).numpy())
    results = predictor([ARRAY, other, png, other[:, ::-1]])
    assert [result.labels.shape for result in results] == [(33, 49), (18, 26), (33, 49), (18, 26)]
    for result, image in zip(results, (ARRAY, other, ARRAY, other[:, ::-1]), strict=True):
        np.testing.assert_array_equal(result.image, image)
        np.testing.assert_array_equal(result.labels, predictor(image).labels)
    assert predictor([]) == []
    batch = torch.stack([torch.from_numpy(ARRAY.copy()).permute(2, 0, 1)] * 3)
    assert [np.array_equal(result.labels, predictor(ARRAY).labels) for result in predictor(batch)] == [True] * 3


def test_batches_are_of_equal_size(monkeypatch):
    predictor, lengths = Predictor(lively_model()), []
    network = predictor.model.forward
    monkeypatch.setattr(predictor.model, "forward", lambda images: lengths.append(len(images)) or network(images))
    predictor([ARRAY] * 3 + [ARRAY[:20]] + [ARRAY] * 2)
    assert lengths == [5, 1]
    padded, lengths[:] = Predictor(lively_model(), pad=(49, 65)), []
    network_of_padded = padded.model.forward
    monkeypatch.setattr(
        padded.model, "forward", lambda images: lengths.append(len(images)) or network_of_padded(images)
    )
    found = padded([ARRAY, ARRAY[:20]])
    assert lengths == [2]
    np.testing.assert_array_equal(found[1].labels, padded(ARRAY[:20]).labels)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (None, "an image of type NoneType; give a path, an http"),
        (7, "an image of type int; give a path"),
        ([[ARRAY]], "image 1 of 1: an image of type list"),
        ([ARRAY, "nowhere.png"], "image 2 of 2: no such file: nowhere.png"),
        (ARRAY / 255, r"an image of float64 \[33, 49, 3\]; .*; scale the values to 0..255 and convert them to uint8"),
        (ARRAY.transpose(2, 0, 1), r"uint8 \[3, 33, 49\]; .*; move the channels to the last axis"),
        (ARRAY.astype(np.uint16), "convert them to uint8"),
        (torch.rand(3, 8, 8), r"a tensor of float32 \[3, 8, 8\].*; scale the values to 0..255"),
        (torch.zeros(8, 9, 3, dtype=torch.uint8), "move the channels to the first axis"),
        (torch.zeros(2, 3, 3, 8, 8, dtype=torch.uint8), r"a tensor of uint8 \[2, 3, 3, 8, 8\]"),
        (b"", "the image in memory is empty"),
        (b"<html>no</html>", "the image in memory is a web page, not the picture"),
        (b"no picture", "the image in memory is not a picture of a known format"),
        (io.StringIO("text"), "gives str instead of bytes; open it in binary mode"),
        ("ftp://example.org/a.png", "only http and https addresses are downloaded"),
        ("file:///etc/passwd", "only http and https addresses are downloaded"),
    ],
)
def test_other_things_are_refused_in_one_line(predictor, image, words):
    with pytest.raises(atrous.InputError, match=words) as found:
        predictor(image)
    assert "\n" not in str(found.value)
    assert "/tmp" not in str(found.value)


def test_a_damaged_file_object_is_named(predictor, png):
    png.write_bytes(png.read_bytes()[:90])
    with png.open("rb") as file, pytest.raises(atrous.InputError, match=r"cannot read .*a\.png: .*may be damaged"):
        predictor(file)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_run_folder_means_its_last_checkpoint(tmp_path, caplog, as_text):
    archive = lively_archive()
    atrous.save(tmp_path / "last.safetensors", archive.model, labels=archive.labels, provenance={})
    atrous.save(tmp_path / "best.safetensors", lively_model(classes=5), provenance={})
    with caplog.at_level("INFO", logger="atrous"):
        predictor = Predictor(str(tmp_path) if as_text else Path(tmp_path))
    assert f"{tmp_path} is a run folder; its last.safetensors is used" in caplog.text
    assert predictor.labels == archive.labels
    np.testing.assert_array_equal(predictor(ARRAY).labels, Predictor(archive)(ARRAY).labels)
    assert len(Predictor(tmp_path / "best.safetensors").labels) == 5


def test_weights_that_are_not_there_are_named():
    with pytest.raises(atrous.InputError, match="no such file: nowhere; give a file of weights, or a name"):
        Predictor("nowhere")
