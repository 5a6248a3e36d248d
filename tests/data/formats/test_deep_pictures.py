"""Deep pictures in a declared range, and pixels without data, against numbers worked out by hand."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.data.formats.deep_pictures import missing_pixels
from atrous.data.formats.images import read_labels, upright_size
from atrous.data.formats.tiff import read_picture
from atrous.data.formats.value_range import parse_ranges
from atrous.data.formats.windows import missing_rows, open_pixels
from atrous.data.schema import Schema, read_schema, write_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace

RANGES = ((100.0, 4195.0),)
VALUES = np.random.default_rng(0).integers(0, 5000, (23, 31), np.uint16)
EXPECTED = np.clip(np.floor((VALUES.astype(np.float64) - 100) / 4095 * 255 + 0.5), 0, 255).astype(np.uint8)
"""By the definition: 100 is black, 4195 is white, rounded half up, cut beyond."""
NODATA = [(42113, "s", 0, "-9999", True)]


def saved(path, values, **options):
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "metadata": None, **options})
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"tile": (16, 16)},
        {"compression": "lzw", "predictor": True},
        {"compression": "deflate", "rowsperstrip": 3, "byteorder": ">"},
        {"bigtiff": True},
    ],
)
@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_greys_of_any_number_and_storage(tmp_path, options, kind):
    if np.dtype(kind).kind == "f" and "predictor" in options:
        options = {"compression": "lzw"}
    path = saved(tmp_path / "a.tif", VALUES.astype(kind), **options)
    picture = read_picture(path, ranges=RANGES)
    np.testing.assert_array_equal(picture, np.repeat(EXPECTED[..., None], 3, axis=2))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_bands_have_ranges_of_their_own(tmp_path, planar, tile):
    bands = np.stack((VALUES, 2 * VALUES, VALUES // 2, VALUES + 1000), axis=-1)
    stored = bands if planar == "contig" else np.moveaxis(bands, -1, 0)
    path = saved(tmp_path / "a.tif", stored, planarconfig=planar, tile=tile, extrasamples=["unspecified"] * 3)
    ranges = ((100.0, 4195.0), (200.0, 8390.0), (0.0, 65535.0), (1100.0, 5195.0))
    picture = read_picture(path, ranges=parse_ranges([list(pair) for pair in ranges]))
    for band in (0, 1, 3):
        np.testing.assert_array_equal(picture[..., band], EXPECTED)
    np.testing.assert_array_equal(picture[..., 2], ((bands[..., 2].astype(int) + 128) // 257).astype(np.uint8))
    window = open_pixels(path, ranges=ranges).read(slice(5, 20), slice(3, 30))
    np.testing.assert_array_equal(window, picture[5:20, 3:30])
    with pytest.raises(InputError, match="2 ranges for 4 bands; declare one pair, or one per band"):
        read_picture(path, ranges=((0.0, 1.0), (0.0, 1.0)))


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_of_16_bits_of_each_kind(tmp_path, alpha, channels):
    values = np.repeat(VALUES[..., None], channels, axis=2)
    if alpha:
        values = np.concatenate((values, np.full((*VALUES.shape, 1), 65535, np.uint16)), axis=2)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values.squeeze()))
    picture = read_picture(tmp_path / "a.png", ranges=RANGES)
    np.testing.assert_array_equal(picture, np.repeat(EXPECTED[..., None], 3, axis=2))


def test_pictures_of_8_bits_stay_what_they_are(tmp_path):
    values = (VALUES % 256).astype(np.uint8)
    for name in ("a.png", "a.tif", "a.bmp"):
        Image.fromarray(values).save(tmp_path / name)
        assert (read_picture(tmp_path / name, ranges=RANGES)[..., 1] == values).all()


def test_all_16_bits_are_the_range_of_undeclared_pictures(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    path = saved(tmp_path / "a.tif", values)
    np.testing.assert_array_equal(read_picture(path, ranges=((0.0, 65535.0),)), read_picture(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_does(tmp_path, orientation):
    bright = (EXPECTED.astype(np.uint16) * 257).astype(np.uint16)
    path = saved(tmp_path / "a.tif", bright, extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_picture(path, ranges=((0.0, 65535.0),)), read_picture(path))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
def test_numbers_without_a_range_are_refused_with_what_they_are(tmp_path, kind):
    path = saved(tmp_path / "a.tif", np.array([[-3, 2], [0, 900]], kind))
    with pytest.raises(InputError, match=rf"holds {np.dtype(kind)} numbers from -3 to 900; .*\[picture\] range = "):
        read_picture(path)


@pytest.mark.parametrize(
    ("value", "line"),
    [("5", "5: give"), ("[3, 3]", "give"), ("[0, inf]", "give"), ('["a", 1]', "give"), ("[[0, 1], [2, 1]]", "give")],
)
def test_ranges_that_make_no_sense_are_refused(tmp_path, value, line):
    (tmp_path / "schema.toml").write_text(f'classes = ["a", "b"]\n[picture]\nrange = {value}\n')
    with pytest.raises(InputError, match=f"schema.toml: range: .*{line}"):
        read_schema(tmp_path / "schema.toml")


def test_a_schema_keeps_its_range(tmp_path):
    for ranges in (((0.0, 4095.0),), ((0.1, 0.7), (-1e-3, 1e9))):
        schema = Schema(LabelSpace(("a", "b")), ranges=ranges)
        write_schema(tmp_path / "schema.toml", schema)
        assert read_schema(tmp_path / "schema.toml") == schema


@pytest.fixture
def folder(tmp_path):
    """Floating-point pictures 0..2, one with NaN and one with GDAL's mark, over masks of two classes."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for name in ("a", "b", "c"):
        values = np.linspace(0, 2, 24 * 24, dtype=np.float32).reshape(24, 24)
        if name == "a":
            values[:2] = np.nan
        if name == "b":
            values[:, 3] = -9999
        saved(tmp_path / f"images/{name}.tif", values, extratags=NODATA)
        mask = (np.indices((24, 24)).sum(axis=0) > 20).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / f"masks/{name}.png")
    return tmp_path


def test_pixels_without_data_are_ignored_in_training(folder, capsys):
    with pytest.raises(InputError, match=r"a\.tif holds float32 numbers from 0\.\d+ to 2;"):
        open_data(folder)[0]
    assert main(["doctor", str(folder)]) == 1
    (folder / "schema.toml").write_text("[picture]\nrange = [0, 2]\n")  # the classes are those of the masks
    data = open_data(folder)
    assert data.describe()["picture_range"] == [[0.0, 2.0]]
    for name, missing in (("a", np.s_[:2]), ("b", np.s_[:, 3]), ("c", np.s_[:0])):
        sample = data[list(data.names).index(name)]
        expected = np.array(Image.open(folder / f"masks/{name}.png"))
        expected[missing] = 255
        np.testing.assert_array_equal(sample.labels, expected)
        assert (sample.image[missing] == 0).all()
        assert sample.image.max() == 255
    capsys.readouterr()
    assert main(["doctor", str(folder), "--fix"]) == 0
    assert read_schema(folder / "schema.toml").ranges == ((0.0, 2.0),)


def test_missing_pixels_of_every_band_and_window(tmp_path):
    bands = np.random.default_rng(1).integers(1, 9, (40, 30, 4), np.uint8)
    bands[4:9, 2:5] = 0
    bands[20, 20, :3] = 0  # one band has data
    options = {"extrasamples": ["unspecified"] * 3, "planarconfig": "contig", "tile": (16, 16)}
    path = saved(tmp_path / "a.tif", bands, extratags=[(42113, "s", 0, "0", True)], **options)
    expected = np.zeros((40, 30), bool)
    expected[4:9, 2:5] = True
    np.testing.assert_array_equal(missing_pixels(path), expected)
    np.testing.assert_array_equal(missing_rows(open_pixels(path), slice(7, 12)), expected[7:12])
    assert missing_rows(open_pixels(path), slice(20, 30)) is None
    rgb = saved(tmp_path / "b.tif", bands[..., :3], photometric="rgb", extratags=[(42113, "s", 0, "0", True)])
    assert missing_pixels(rgb).sum() == 16
    assert missing_pixels(saved(tmp_path / "c.tif", bands[..., 0])) is None


@pytest.mark.parametrize(
    ("kind", "mark", "written", "expected"),
    [
        (np.uint8, "200", 200, 255),
        (np.uint8, "255", 255, 255),
        (np.uint16, "9999", 9999, 255),
        (np.uint16, "65535", 65535, 255),
        (np.int16, "-32768", -32768, 255),
        (np.float32, "-3.4028234663852886e+38", np.finfo(np.float32).min, 255),
        (np.float32, "nan", np.nan, 255),
        (np.uint8, "0", 0, 0),  # which QGIS writes for what no shape covers: a class, until a schema says otherwise
    ],
)
def test_masks_have_no_label_where_gdal_marks_no_data(tmp_path, kind, mark, written, expected):
    values = np.array([[1, 2, 3], [4, 5, 6]]).astype(kind)
    values[0, 1] = written
    path = saved(tmp_path / "a.tif", values, extratags=[(42113, "s", 0, mark, True)])
    np.testing.assert_array_equal(read_labels(path), [[1, expected, 3], [4, 5, 6]])


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_tiffs_on_their_side_are_turned_as_other_pictures_are(tmp_path, orientation, compression):
    """PNG's EXIF is the reference; the mask is read by Pillow and, with a sign, by tifffile."""
    values = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    tags = Image.Exif()
    tags[274] = orientation
    Image.fromarray(values).save(tmp_path / "a.png", exif=tags)
    options = {"compression": compression, "extratags": [(274, "H", 1, orientation, True)]}
    path = saved(tmp_path / "a.tif", values, **options)
    expected = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(path), expected)
    np.testing.assert_array_equal(read_labels(path), expected[..., 0])
    np.testing.assert_array_equal(
        read_labels(saved(tmp_path / "b.tif", values.astype(np.int32), **options)), expected[..., 0]
    )
    assert upright_size(path) == upright_size(tmp_path / "a.png") == expected.shape[:2]
