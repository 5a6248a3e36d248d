import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from atrous.data.formats.images import orientation, read_image, read_labels, upright_size
from atrous.errors import InputError

GREYS = np.array([[0, 1, 127], [128, 254, 255]], np.uint8)
COLORS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)


def saved(picture: Image.Image, path: Path, **options) -> Path:
    picture.save(path, **options)
    return path


def png(header: bytes, data: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def one_line(error: pytest.ExceptionInfo, *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


def test_colours_pass_unchanged(tmp_path):
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(COLORS), tmp_path / "a.png")), COLORS)


def test_grey_becomes_three_equal_channels(tmp_path):
    image = read_image(saved(Image.fromarray(GREYS), tmp_path / "a.png"))
    np.testing.assert_array_equal(image, np.repeat(GREYS[..., None], 3, axis=2))


def test_bilevel_becomes_black_and_white(tmp_path):
    image = read_image(saved(Image.fromarray(GREYS > 127), tmp_path / "a.png"))
    np.testing.assert_array_equal(image[..., 1], np.where(GREYS > 127, 255, 0))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_by_257(tmp_path, suffix):
    values = np.array([[0, 257, 128 * 257, 65535, 200 * 257 + 128, 200 * 257 + 129]], np.uint16)
    image = read_image(saved(Image.fromarray(values), tmp_path / f"a.{suffix}"))
    assert image[0, :, 0].tolist() == [0, 1, 128, 255, 200, 201]
    assert (image == image[..., :1]).all()


def test_sixteen_bit_colours_keep_their_high_byte(tmp_path):
    header, pixel = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0), struct.pack(">HHH", 0, 128 * 257, 65535)
    path = tmp_path / "a.png"
    path.write_bytes(png(header, zlib.compress(b"\0" + pixel)))
    assert read_image(path).tolist() == [[[0, 128, 255]]]


def test_of_an_animation_the_first_picture_is_read(tmp_path):
    first, second = (Image.new("RGB", (4, 4), color) for color in ((255, 0, 0), (0, 0, 255)))
    path = saved(first, tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


def test_deep_integers_beyond_sixteen_bits_are_refused(tmp_path):
    path = saved(Image.fromarray(np.array([[0, 70000]], np.int32)), tmp_path / "a.tif")
    with pytest.raises(InputError) as error:
        read_image(path)
    one_line(error, "a.tif", "0..65535")


def test_floats_are_refused(tmp_path):
    path = saved(Image.fromarray(np.array([[0.5, 1.0]], np.float32)), tmp_path / "a.tif")
    with pytest.raises(InputError) as error:
        read_image(path)
    one_line(error, "a.tif", "floating-point")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_on_white(tmp_path, mode):
    pixels = [(100, 100, 100, 255), (100, 100, 100, 0), (100, 100, 100, 51)]
    picture = Image.new("RGBA", (3, 1))
    picture.putdata(pixels)
    image = read_image(saved(picture.convert(mode), tmp_path / "a.png"))
    # 0.2 * 100 + 0.8 * 255 = 224
    assert image[0, :, 0].tolist() == [100, 255, 224]


def test_palette_gives_its_colours_and_its_transparent_index_white(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([9, 8, 7, 60, 50, 40, 1, 2, 3])
    picture.putdata([0, 1, 2])
    opaque = read_image(saved(picture, tmp_path / "a.png"))
    assert opaque[0].tolist() == [[9, 8, 7], [60, 50, 40], [1, 2, 3]]
    clear = read_image(saved(picture, tmp_path / "b.png", transparency=1))
    assert clear[0].tolist() == [[9, 8, 7], [255, 255, 255], [1, 2, 3]]
    bytewise = read_image(saved(picture, tmp_path / "c.png", transparency=bytes([255, 0, 255])))
    np.testing.assert_array_equal(bytewise, clear)


def test_transparent_colour_of_rgb_is_white(tmp_path):
    path = saved(Image.fromarray(COLORS), tmp_path / "a.png", transparency=(10, 20, 30))
    assert read_image(path)[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_cmyk_is_inks_on_white(tmp_path, suffix):
    picture = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # full magenta and yellow: red
    options = {"quality": 100} if suffix == "jpg" else {}  # Pillow writes the Adobe marker: inverted inks
    color = read_image(saved(picture, tmp_path / f"a.{suffix}", **options))[8, 8]
    assert np.abs(color.astype(int) - [255, 0, 0]).max() <= 3


def test_lab_is_converted_to_srgb(tmp_path):
    red = Image.new("RGB", (4, 4), (200, 30, 60))
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(red, srgb, lab, outputMode="LAB")
    color = read_image(saved(picture, tmp_path / "a.tif"))[0, 0]
    assert np.abs(color.astype(int) - [200, 30, 60]).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, orientation):
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    # How a camera that notes this orientation stored the picture: the inverse of the turn it asks for.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(path)[..., 0], upright)
    np.testing.assert_array_equal(read_labels(path), upright)


def test_result_can_be_written_to(tmp_path):
    image = read_image(saved(Image.fromarray(COLORS), tmp_path / "a.png"))
    image[0, 0] = 5
    assert image[0, 0].tolist() == [5, 5, 5]


def test_large_pictures_are_refused_before_decoding(tmp_path):
    path = saved(Image.new("1", (3000, 2000)), tmp_path / "a.png")
    with pytest.raises(InputError) as error:
        read_image(path, max_pixels=5_999_999)
    one_line(error, "a.png", "3000 x 2000", "5999999")
    assert read_image(path, max_pixels=6_000_000).shape == (2000, 3000, 3)


def test_a_bomb_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0), b""))
    with pytest.raises(InputError) as error:
        read_image(path)
    one_line(error, "bomb.png", "200000 x 200000")


def test_more_than_pillows_own_limit_is_the_callers_choice(tmp_path, monkeypatch):
    path = saved(Image.new("1", (300, 200)), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_image(path).shape == (200, 300, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_what_is_not_a_picture_gets_one_line(tmp_path):
    text = tmp_path / "a.png"
    text.write_text("not a picture")
    empty = tmp_path / "empty.png"
    empty.touch()
    for path, part in (
        (text, "not a picture"),
        (empty, "not a picture"),
        (tmp_path, "folder"),
        (tmp_path / "x", "no such"),
    ):
        for read in (read_image, read_labels):
            with pytest.raises(InputError) as error:
                read(path)
            one_line(error, path.name, part)


def test_postscript_is_not_handed_to_an_interpreter(tmp_path):
    path = saved(Image.fromarray(COLORS), tmp_path / "a.eps")
    with pytest.raises(InputError, match="not a picture of a known format"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_truncated_files_get_one_line(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(Image.fromarray(noise), tmp_path / f"a.{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as error:
        read_image(path)
    one_line(error, f"a.{suffix}")


@settings(max_examples=150)
@given(data=st.data(), suffix=st.sampled_from(["png", "jpeg", "gif", "tiff", "bmp", "ppm"]))
def test_damaged_files_never_raise_anything_else(tmp_path_factory, data, suffix):
    buffer = io.BytesIO()
    Image.fromarray(COLORS.repeat(8, 0).repeat(8, 1)).save(buffer, suffix)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / f"a.{suffix}"
    path.write_bytes(content)
    for read in (read_image, read_labels):
        message = ""
        try:
            assert read(path).size > 0
        except InputError as error:
            message = str(error)
        assert "\n" not in message
        assert not message or path.name in message


def test_masks_are_numbers_in_every_grey_depth(tmp_path):
    np.testing.assert_array_equal(read_labels(saved(Image.fromarray(GREYS), tmp_path / "a.png")), GREYS)
    bits = read_labels(saved(Image.fromarray(GREYS > 127), tmp_path / "b.png"))
    assert bits.tolist() == [[0, 0, 0], [1, 1, 1]]
    deep = np.array([[0, 300, 65535]], np.uint16)
    np.testing.assert_array_equal(read_labels(saved(Image.fromarray(deep), tmp_path / "c.png")), deep)


@pytest.mark.parametrize(("bits", "packed", "values"), [(2, 0b00011011, [0, 1, 2, 3]), (4, 0x5A, [5, 10])])
def test_narrow_greys_keep_their_numbers(tmp_path, bits, packed, values):
    """Pillow shows 4-bit grey 5 as 85; in a mask it is class 5."""
    path = tmp_path / "a.png"
    header = struct.pack(">IIBBBBB", len(values), 1, bits, 0, 0, 0, 0)
    path.write_bytes(png(header, zlib.compress(bytes([0, packed]))))
    assert read_labels(path).tolist() == [values]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_masks_of_palette_mode_are_indices_whatever_the_colours(tmp_path, bits):
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.putdata([1, 0])
    assert read_labels(saved(picture, tmp_path / "a.png", bits=bits, transparency=0)).tolist() == [[1, 0]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_masks_stored_as_equal_channels_are_numbers(tmp_path, mode):
    picture = Image.fromarray(GREYS).convert(mode)
    np.testing.assert_array_equal(read_labels(saved(picture, tmp_path / "a.png")), GREYS)


def test_masks_of_colours_are_refused(tmp_path):
    with pytest.raises(InputError) as error:
        read_labels(saved(Image.fromarray(COLORS), tmp_path / "a.png"))
    one_line(error, "a.png", "4 colours", "class ids")


def test_masks_with_transparent_pixels_are_refused(tmp_path):
    picture = Image.fromarray(np.dstack([GREYS] * 3 + [GREYS]))
    with pytest.raises(InputError, match="transparent"):
        read_labels(saved(picture, tmp_path / "a.png"))


def test_lossy_masks_are_refused(tmp_path):
    with pytest.raises(InputError, match="JPEG"):
        read_labels(saved(Image.fromarray(GREYS), tmp_path / "a.png", format="JPEG"))


@pytest.mark.parametrize(("mode", "color"), [("F", 0.5), ("CMYK", 0)])
def test_masks_of_other_modes_are_refused(tmp_path, mode, color):
    with pytest.raises(InputError) as error:
        read_labels(saved(Image.new(mode, (2, 2), color), tmp_path / "a.tif"))
    one_line(error, "a.tif", "PNG")


def test_pictures_of_phones_are_read(tmp_path):
    """HEIC by its own library, and turned by its tag, which that library applies."""
    pillow_heif = pytest.importorskip("pillow_heif")
    array = np.zeros((40, 64, 3), np.uint8)
    array[:, :32] = (200, 30, 90)
    heif = pillow_heif.from_pillow(Image.fromarray(array))
    heif.save(tmp_path / "a.heic", quality=95)
    picture = read_image(tmp_path / "a.heic")
    np.testing.assert_array_equal(picture, np.asarray(pillow_heif.open_heif(tmp_path / "a.heic")))
    assert np.abs(picture.astype(int) - array).max() < 12
    with pytest.raises(InputError, match="is a HEIF picture, whose compression alters class ids"):
        read_labels(tmp_path / "a.heic")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_large_pictures_are_converted_in_bands(tmp_path, monkeypatch, mode):
    source = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    picture = (
        Image.fromarray(source.astype(np.uint16) * 200) if mode == "I;16" else Image.fromarray(source).convert(mode)
    )
    picture.save(tmp_path / "a.tif")
    whole = read_image(tmp_path / "a.tif")
    monkeypatch.setattr("atrous.data.formats.images._BAND", 100)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), whole)


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_a_mask_of_several_frames_is_refused(tmp_path, suffix):
    first, second = (Image.fromarray(np.full((4, 5), value, np.uint8)) for value in (1, 2))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
    with pytest.raises(InputError, match="has 2 frames; a mask has one"):
        read_labels(tmp_path / f"a.{suffix}")
    first.save(tmp_path / "b.png")
    assert (read_labels(tmp_path / "b.png") == 1).all()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


@pytest.mark.parametrize("late", [False, True])
def test_a_png_tells_its_size_without_being_decoded(tmp_path, late, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    Image.new("RGB", (5, 3)).save(path, **({} if late else {"exif": exif}))
    if late:  # after the pixels, where Pillow finds it once it has decoded them
        content, mark = path.read_bytes(), b"\0\0\0\0IEND"
        path.write_bytes(content.replace(mark, _chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + mark))
    assert read_image(path).shape == (5, 3, 3)
    assert (upright_size(path), orientation(path)) == ((5, 3), 6)
    Image.new("RGB", (5, 3)).save(path)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", None)
    assert (upright_size(path), orientation(path)) == ((3, 5), 1)


def test_a_png_that_states_a_size_beyond_all_bounds_is_not_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("1", (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content.replace(b"\0\0\0\0IEND", _chunk(b"tEXt", b"a\0b") + b"\0\0\0\0IEND"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", None)
    assert upright_size(path) == (100_000, 100_000)
