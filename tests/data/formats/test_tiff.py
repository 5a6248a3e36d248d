"""TIFFs of many bands, and their geo-reference in and out."""

import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from atrous.data.formats.images import read_image
from atrous.data.formats.tiff import geo_reference, read_picture, write_geo_labels
from atrous.errors import InputError
from fakes.geotiff import GEO, write_tiff

BANDS = np.random.default_rng(0).integers(0, 256, (7, 9, 6), dtype=np.uint8)


@pytest.mark.parametrize("compression", [None, "deflate", "lzw", "zstd"])
@pytest.mark.parametrize("predictor", [False, True])
def test_all_bands_are_read(tmp_path, compression, predictor):
    path = write_tiff(
        tmp_path / "a.tif", BANDS, compression=compression, predictor=predictor and compression is not None
    )
    np.testing.assert_array_equal(read_picture(path), BANDS)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"bigtiff": True, "byteorder": ">"},
        {"photometric": "rgb", "extrasamples": [0, 0, 0]},
        {"rowsperstrip": 2},
    ],
)
def test_however_they_lie_in_the_file(tmp_path, options):
    np.testing.assert_array_equal(read_picture(write_tiff(tmp_path / "a.tif", BANDS, **options)), BANDS)


def test_band_after_band(tmp_path):
    path = write_tiff(tmp_path / "a.tif", np.moveaxis(BANDS, -1, 0), planarconfig="separate")
    np.testing.assert_array_equal(read_picture(path), BANDS)


def test_near_infrared_is_no_transparency(tmp_path):
    """Four bands: RGB and alpha is a picture; RGB and something else is not."""
    four = BANDS[..., :4]
    infrared = write_tiff(tmp_path / "a.tif", four, photometric="rgb", extrasamples=[0])
    np.testing.assert_array_equal(read_picture(infrared), four)
    alpha = write_tiff(tmp_path / "b.tif", four, photometric="rgb", extrasamples=[2])
    np.testing.assert_array_equal(read_picture(alpha), read_image(alpha))
    two = write_tiff(tmp_path / "c.tif", BANDS[..., :2], extrasamples=[0])
    np.testing.assert_array_equal(read_picture(two), BANDS[..., :2])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "1"])
def test_pictures_stay_pictures(tmp_path, mode):
    path = tmp_path / "a.tif"
    Image.fromarray(BANDS[..., :3]).convert("RGB" if mode == "CMYK" else "RGBA").convert(mode).save(path)
    np.testing.assert_array_equal(read_picture(path), read_image(path))


def test_sixteen_bits_are_divided_by_257(tmp_path):
    deep = np.array([[[0, 257, 128 * 257, 65535, 200 * 257 + 128]]], np.uint16)
    assert read_picture(write_tiff(tmp_path / "a.tif", deep)).tolist() == [[[0, 1, 128, 255, 200]]]


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.uint32])
def test_other_numbers_are_refused(tmp_path, kind):
    path = write_tiff(tmp_path / "a.tif", BANDS.astype(kind))
    with pytest.raises(
        InputError, match=rf"a\.tif holds {np.dtype(kind)} numbers from {BANDS.min()} to {BANDS.max()}; .*range = "
    ):
        read_picture(path)


def test_too_many_pixels_and_damage(tmp_path):
    path = write_tiff(tmp_path / "a.tif", BANDS)
    with pytest.raises(InputError, match="9 x 7 pixels of 6 bands"):
        read_picture(path, max_pixels=7 * 9 * 2 - 1)
    assert read_picture(path, max_pixels=7 * 9 * 2).shape == BANDS.shape
    content = path.read_bytes()
    for damaged in (content[: len(content) - 100], content[:40], b"II*\0" + b"\xff" * 30, b"MM\0+", b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.tif") as error:
            read_picture(path)
        assert "\n" not in str(error.value)


def test_without_tifffile_the_remedy_is_named(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / "a.tif", BANDS)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(InputError, match=r"the bands of .*a\.tif needs tifffile; .*'atrous\[geo\]'"):
        read_picture(path)


@pytest.mark.parametrize("palette", [None, bytes(range(256)) * 3])
def test_the_reference_goes_out_as_it_came_in(tmp_path, palette):
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9)
    reference = geo_reference(write_tiff(tmp_path / "a.tif", BANDS, geo=True))
    write_geo_labels(tmp_path / "b.tif", labels, palette=palette, reference=reference)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), labels)
        assert {tag: page.tags[tag].value for tag in GEO} == GEO
        assert page.is_geotiff
        assert page.geotiff_tags["ProjectedCSTypeGeoKey"] == 32632
    assert geo_reference(tmp_path / "b.tif") == reference


def test_pictures_without_a_place(tmp_path):
    assert geo_reference(write_tiff(tmp_path / "a.tif", BANDS)) == {}
    Image.fromarray(BANDS[..., :3]).save(tmp_path / "a.png")
    assert geo_reference(tmp_path / "a.png") == {}
    assert geo_reference(tmp_path / "gone.tif") == {}


def test_a_turned_picture_cannot_keep_its_reference(tmp_path):
    path = write_tiff(tmp_path / "a.tif", BANDS, geo=True, orientation=6)
    with pytest.raises(InputError, match="orientation and a geo-reference"):
        geo_reference(path)


def test_a_reference_that_is_none(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, BANDS[..., :3], photometric="rgb", metadata=None, extratags=[(33550, "s", 0, "far", True)])
    with pytest.raises(InputError, match=r"cannot be read \(tag 33550\)"):
        geo_reference(path)


def test_tags_of_odd_lengths_do_no_harm(tmp_path):
    """Two values where one belongs: the file is read as a picture, or refused in one line."""
    path = write_tiff(tmp_path / "a.tif", BANDS[..., :3], photometric="rgb")
    content = bytearray(path.read_bytes())
    place = content.index(b"\x15\x01\x03\x00\x01\x00\x00\x00")  # SamplesPerPixel, a short, one of them
    content[place + 4] = 2
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tif") as error:
        read_picture(path)
    assert "\n" not in str(error.value)
