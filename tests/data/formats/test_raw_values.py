"""Masks whose numbers Pillow would change: every one gives the class ids that were written."""

import os
import socket

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from atrous.data.formats.images import read_image, read_labels, read_mask
from atrous.errors import InputError

IDS = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
LARGE = np.tile(IDS, (32, 32))


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (np.uint8, {"photometric": "miniswhite"}),
        (np.uint16, {"photometric": "miniswhite"}),
        (np.int64, {}),
        (np.uint32, {}),
        (np.float32, {}),
        (np.float64, {}),
        (np.int16, {}),
    ],
)
def test_numbers_of_any_type_are_those_of_the_file(dtype, options, tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", IDS.astype(dtype), **options)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), IDS)


def test_deep_colours_with_equal_channels_are_numbers(tmp_path):
    """16 bits per channel: Pillow keeps the upper 8, which are 0."""
    (tmp_path / "rgb.png").write_bytes(imagecodecs.png_encode(np.stack([IDS.astype(np.uint16)] * 3, axis=-1)))
    grey = np.stack([IDS.astype(np.uint16), np.full(IDS.shape, 65535, np.uint16)], axis=-1)
    (tmp_path / "grey.png").write_bytes(imagecodecs.png_encode(grey))
    tifffile.imwrite(tmp_path / "planar.tif", np.stack([IDS.astype(np.uint16)] * 3), photometric="rgb", planarconfig=2)
    for name in ("rgb.png", "grey.png", "planar.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), IDS)
    grey[0, 0, 1] = 7
    (tmp_path / "grey.png").write_bytes(imagecodecs.png_encode(grey))
    with pytest.raises(InputError, match="transparent pixels"):
        read_labels(tmp_path / "grey.png")


def test_pages_of_classes_are_ids_and_other_pages_are_refused(tmp_path):
    pages = np.stack([np.where(label == IDS, 255, 0) for label in range(3)]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack")
    np.testing.assert_array_equal(read_mask(tmp_path / "pages.tif"), IDS)
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([IDS, IDS, IDS]), photometric="minisblack")
    with pytest.raises(InputError, match="3 pages; a mask has one"):
        read_mask(tmp_path / "stack.tif")


def test_an_overview_is_no_second_mask(tmp_path):
    with tifffile.TiffWriter(tmp_path / "mask.tif") as file:
        file.write(IDS)
        file.write(IDS[:1, :1], subfiletype=1)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), IDS)


def test_a_single_page_that_calls_itself_an_overview_is_the_mask(tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", IDS.astype(np.int16), subfiletype=1)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), IDS)


@pytest.mark.parametrize(
    "pages",
    [
        ([[255, 0, 0]], [[255, 255, 0]], [[0, 0, 255]]),  # two classes at the first pixel
        ([[255, 0, 0]], [[0, 0, 0]], [[0, 0, 255]]),  # none at the second
        ([[255, 0, 9]], [[0, 255, 0]], [[0, 0, 0]]),  # each pixel once, but a page of three values
    ],
)
def test_pages_that_do_not_show_a_class_each_are_refused(pages, tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", np.array(pages, np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match="one per class that together cover each pixel once"):
        read_mask(tmp_path / "mask.tif")


@pytest.mark.parametrize("value", [-1, np.nan, -9999])
def test_pixels_without_a_label_become_the_ignore_value(value, tmp_path):
    written = IDS.astype(np.float32 if np.isnan(value) else np.int16)
    written[0] = value
    tags = [(42113, 2, 0, "-9999", True)] if value == -9999 else []
    tifffile.imwrite(tmp_path / "mask.tif", written, extratags=tags)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), [[255] * 3, IDS[1]])
    written[1, 0] = 255  # a class of its own: the mark is another
    tifffile.imwrite(tmp_path / "mask.tif", written, extratags=tags)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), [[65535] * 3, [255, 0, 1]])


def test_the_smallest_number_of_32_bits_is_a_mark_as_it_is_written_in_decimals(tmp_path):
    written = IDS.astype(np.float32)
    written[0] = np.finfo(np.float32).min
    tifffile.imwrite(tmp_path / "mask.tif", written, extratags=[(42113, 2, 0, "-3.4028235e+38", True)])
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), [[255] * 3, IDS[1]])


@pytest.mark.parametrize(("value", "dtype"), [(0.5, np.float32), (-7, np.int16), (70000, np.int32)])
def test_numbers_that_are_no_ids_are_named(value, dtype, tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", np.array([[0, value]], dtype))
    with pytest.raises(InputError, match=rf"mask.tif holds {np.dtype(dtype)} values outside the integers.*{value}"):
        read_mask(tmp_path / "mask.tif")


@pytest.mark.parametrize(
    ("name", "options", "codec"),
    [
        ("mask.webp", {}, "lossy WebP"),
        ("mask.jp2", {"irreversible": True, "quality_layers": [10]}, "lossy JPEG 2000"),
        ("mask.avif", {}, "AVIF"),
        ("mask.jpg", {}, "JPEG"),
        ("mask.tif", {"compression": "jpeg"}, "JPEG"),
    ],
)
def test_codecs_with_loss_are_named(name, options, codec, tmp_path):
    Image.fromarray(LARGE).save(tmp_path / name, **options)
    with pytest.raises(InputError, match=codec):
        read_mask(tmp_path / name)


@pytest.mark.parametrize(("name", "options"), [("mask.webp", {"lossless": True}), ("mask.jp2", {})])
def test_codecs_without_loss_are_read(name, options, tmp_path):
    Image.fromarray(LARGE).convert("RGB").save(tmp_path / name, **options)
    np.testing.assert_array_equal(read_labels(tmp_path / name), LARGE)


def test_the_files_of_the_cases_have_their_ids(shared):
    folder = shared / "cases" / "files"
    ids = np.load(folder / "truth_ids.npy")
    for name in ("rgb16.png", "onehot_pages.tif", "miniswhite.tif", "int64.tif", "float32.tif"):
        np.testing.assert_array_equal(read_mask(folder / f"mask_{name}"), ids, err_msg=name)
    unlabelled = read_mask(folder / "mask_int16_minus1.tif")
    np.testing.assert_array_equal(unlabelled[3:], ids[3:])
    assert (unlabelled[:3] == 255).all()
    with pytest.raises(InputError, match=r"image_float64.tif is a TIFF of float64"):
        read_image(folder / "image_float64.tif")


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "dangling", "loop"])
def test_anything_but_a_file_is_named_at_once(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    path = tmp_path / "a.png"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind("a.png")
        case "device":
            path.symlink_to("/dev/zero")
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
        case _:
            path.symlink_to(path)
    for read in (read_image, read_mask):
        with pytest.raises(InputError, match=r"a\.png"):
            read(path)


@pytest.mark.parametrize(
    ("name", "head", "remedy"),
    [
        ("a.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n", "Git LFS.*git lfs pull"),
        ("a.jpg", b"\n<!DOCTYPE html><title>log in</title>", "a web page"),
        ("b.png", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.*export it as PNG"),
        ("a.dcm", b"\0" * 128 + b"DICM" + b"\0" * 300, "DICOM.*dcmj2pnm"),
        ("a.nii.gz", b"\x1f\x8b" + b"\0" * 400, "NIfTI.*pip install nibabel"),
    ],
)
def test_files_of_medicine_name_their_converter(name, head, remedy, tmp_path):
    (tmp_path / name).write_bytes(head)
    with pytest.raises(InputError, match=remedy):
        read_image(tmp_path / name)
