"""Parts of pictures against the whole ones."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import atrous.data.formats.windows
from atrous.data.formats.tiff import read_picture
from atrous.data.formats.windows import (
    ArrayPixels,
    DecodedPixels,
    NpyPixels,
    TiffPixels,
    open_pixels,
    read_whole,
    stored_size,
)
from atrous.errors import InputError
from fakes.geotiff import write_tiff

BANDS = np.random.default_rng(0).integers(0, 256, (70, 90, 6), dtype=np.uint8)
RGB = np.ascontiguousarray(BANDS[..., :3])


def write_planes(path, bands, **options):
    return write_tiff(path, np.moveaxis(bands, -1, 0), planarconfig="separate", **options)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same bands, however they can lie in a file."""
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "a.npy", BANDS)
    np.save(folder / "fortran.npy", np.asfortranarray(BANDS))
    write_tiff(folder / "tiles.tif", BANDS, tile=(16, 32))
    write_tiff(folder / "deflated.tif", BANDS, tile=(32, 16), compression="deflate", predictor=True)
    write_tiff(folder / "strips.tif", BANDS, rowsperstrip=7, compression="lzw")
    write_tiff(folder / "one.tif", BANDS)
    write_tiff(folder / "big.tif", BANDS, tile=(16, 16), bigtiff=True, byteorder=">")
    write_planes(folder / "planes.tif", BANDS, tile=(16, 32))
    write_planes(folder / "plane_strips.tif", BANDS, rowsperstrip=9)
    return sorted(folder.iterdir())


@settings(max_examples=60)
@given(data=st.data())
def test_any_window_is_a_part_of_the_whole(files, data):
    pixels = open_pixels(data.draw(st.sampled_from(files)))
    assert (pixels.size, pixels.channels) == ((70, 90), 6)
    (top, bottom), (left, right) = (
        sorted(data.draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))) for n in (70, 90)
    )
    found = pixels.read(slice(top, bottom + 1), slice(left, right + 1))
    np.testing.assert_array_equal(found, BANDS[top : bottom + 1, left : right + 1])
    assert found.flags.c_contiguous


def test_what_is_read_by_parts(tmp_path, files):
    assert all(isinstance(open_pixels(path), NpyPixels | TiffPixels) for path in files)
    Image.fromarray(RGB).save(tmp_path / "a.png")
    assert isinstance(open_pixels(tmp_path / "a.png"), DecodedPixels)
    plain = write_tiff(tmp_path / "a.tif", RGB, photometric="rgb", tile=(16, 16))
    assert isinstance(open_pixels(plain), TiffPixels)
    for name, options in {
        "turned": {"photometric": "rgb", "orientation": 6},
        "deep": {"photometric": "rgb", "bands": RGB.astype(np.uint16) * 257},
        "alpha": {"photometric": "rgb", "extrasamples": [2], "bands": BANDS[..., :4]},
    }.items():
        path = write_tiff(tmp_path / f"{name}.tif", options.pop("bands", RGB), **options)
        pixels = open_pixels(path)
        assert isinstance(pixels, ArrayPixels)
        whole = read_picture(path)
        np.testing.assert_array_equal(pixels.read(slice(3, 9), slice(5, 20)), whole[3:9, 5:20])


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """Pictures that Pillow holds in different modes, on their sides, and with transparency of each kind."""
    folder, rgb = tmp_path_factory.mktemp("decoded"), Image.fromarray(RGB)
    grey, alpha = rgb.convert("L"), Image.fromarray(BANDS[..., 3])
    for mode in ("1", "L", "P", "RGB", "CMYK"):
        rgb.convert(mode).save(folder / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}")
    Image.merge("LA", (grey, alpha)).save(folder / "la.png")
    Image.merge("RGBA", (*rgb.split(), alpha)).save(folder / "rgba.png")
    rgb.convert("P").save(folder / "clear.png", transparency=3)
    rgb.save(folder / "key.png", transparency=tuple(RGB[0, 0].tolist()))
    Image.fromarray(BANDS[..., 0].astype(np.uint16) * 201).save(folder / "deep.png")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[274] = turn
        rgb.save(folder / f"turned{turn}.jpg", exif=exif)
    return sorted(folder.iterdir())


@settings(max_examples=60)
@given(data=st.data())
def test_any_window_of_a_decoded_picture_is_a_part_of_the_whole(decoded, data):
    path = data.draw(st.sampled_from(decoded))
    pixels, whole = open_pixels(path), read_whole(path)
    assert isinstance(pixels, DecodedPixels)
    assert (*pixels.size, pixels.channels) == whole.shape
    (top, bottom), (left, right) = (
        sorted(data.draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))) for n in whole.shape[:2]
    )
    found = pixels.read(slice(top, bottom + 1), slice(left, right + 1))
    np.testing.assert_array_equal(found, whole[top : bottom + 1, left : right + 1])


def test_sixteen_bits_are_divided_by_257(tmp_path):
    path = write_tiff(tmp_path / "a.tif", BANDS.astype(np.uint16) * 257, tile=(16, 16))
    np.testing.assert_array_equal(open_pixels(path).read(slice(10, 40), slice(0, 50)), BANDS[10:40, :50])


def test_jpeg_inside_is_decoded_as_rgb(tmp_path):
    image = np.kron(RGB[:8, :8], np.ones((16, 16, 1), np.uint8))
    path = write_tiff(tmp_path / "a.tif", image, photometric="rgb", tile=(64, 64), compression="jpeg")
    pixels = open_pixels(path)
    assert isinstance(pixels, TiffPixels)
    found = pixels.read(slice(0, 128), slice(0, 128)).astype(int)
    assert np.abs(found - read_picture(path)).mean() < 1  # two decoders
    assert np.abs(found - image).mean() < 8


def test_no_more_is_kept_than_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(atrous.data.formats.windows, "KEPT_BYTES", 3 * 16 * 16 * 6)
    pixels = TiffPixels(write_tiff(tmp_path / "a.tif", BANDS, tile=(16, 16)))
    np.testing.assert_array_equal(pixels.read(slice(0, 70), slice(0, 90)), BANDS)
    assert len(pixels._kept) == 3


def test_limits(tmp_path, monkeypatch):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", RGB)
    with pytest.raises(InputError, match="90 x 70 pixels, more than the limit of 6299"):
        open_pixels(tmp_path / "a.png", max_pixels=6299)
    with pytest.raises(InputError, match=r"a\.npy has 90 x 70 pixels, more than the limit of 6299"):
        read_whole(tmp_path / "a.npy", max_pixels=6299)
    np.testing.assert_array_equal(read_whole(tmp_path / "a.npy", max_pixels=6300), RGB)
    assert open_pixels(tmp_path / "a.npy", max_pixels=1).size == stored_size(tmp_path / "a.png") == (70, 90)
    monkeypatch.setattr(atrous.data.formats.windows, "SEGMENT_BYTES", 70 * 90 * 6 - 1)
    with pytest.raises(InputError, match="save it in tiles of 256 to 1024 pixels"):
        open_pixels(write_tiff(tmp_path / "a.tif", BANDS))


def test_without_tifffile_small_pictures_are_read_whole_and_large_ones_name_the_remedy(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / "a.tif", RGB, photometric="rgb", tile=(16, 16))
    monkeypatch.setattr(atrous.data.formats.windows, "installed", lambda _module: False)
    assert isinstance(open_pixels(path), ArrayPixels)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(InputError, match=r"reading .*a\.tif part by part needs tifffile; .*'atrous\[geo\]'"):
        open_pixels(path, max_pixels=100)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.uint8), np.zeros((0, 5, 3), np.uint8), np.array([{}])],
)
def test_arrays_of_something_else_are_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy"):
        open_pixels(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"b\.npy: No such file or directory; check the file"):
        open_pixels(tmp_path / "b.npy")


def test_damage_is_one_line(tmp_path):
    np.save(tmp_path / "a.npy", RGB)
    path = write_tiff(tmp_path / "b.tif", BANDS, tile=(16, 16), compression="deflate")
    for whole in ((tmp_path / "a.npy").read_bytes(), path.read_bytes()):
        for target in (tmp_path / "a.npy", path):
            for damaged in (whole[:60], whole[: len(whole) // 2], b""):
                target.write_bytes(damaged)
                message = trouble(target)
                assert target.name in message
                assert "\n" not in message
            target.write_bytes(whole[:100] + b"\xff" * 50 + whole[150:])  # other pixels may be all that it makes
            assert "\n" not in trouble(target)


def trouble(path):
    """What is said when all of a file is read by parts; nothing where nobody can notice."""
    try:
        pixels = open_pixels(path)
        height, width = pixels.size
        pixels.read(slice(0, height), slice(0, width))
    except InputError as error:
        return str(error)
    return ""
