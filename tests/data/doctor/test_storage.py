"""Pictures and masks whose storage deserves a warning, or must not be decoded at all."""

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from atrous.data.doctor import diagnose
from atrous.data.formats import images
from fakes import broken


def lines(folder, kind):
    return [finding.line for finding in diagnose(folder).findings if finding.kind == kind]


@pytest.mark.parametrize(("largest", "warned"), [(4095, True), (65535, False)])
def test_a_narrow_range_of_16_bits_is_a_warning_with_the_range(largest, warned, tmp_path):
    folder = broken.sound_folder(tmp_path / "data")
    for path in [*(folder / "images").iterdir()]:
        path.unlink()
        grey = np.linspace(16, largest, 24 * 32).reshape(24, 32).astype(np.uint16)
        Image.fromarray(grey).save(path.with_suffix(".png"))
    found = lines(folder, "narrow range")
    assert len(found) == warned
    assert not warned or "16 to 4095, 6% of the range, and become 16 of 256 levels" in found[0]


def test_the_cases_of_range_and_orientation_are_warned_about(shared):
    folder = shared / "cases" / "files"
    assert any("960 to 2000, 3% of the range" in line for line in lines(folder / "images_12bit_in_16", "narrow range"))
    (line,) = lines(folder / "exif_180", "orientation")
    assert "s0.jpg and 3 more" in line


@pytest.mark.parametrize(
    ("tag", "stored", "mask", "warned"),
    [(3, (24, 32), (24, 32), 1), (6, (24, 24), (24, 24), 1), (6, (32, 24), (24, 32), 0), (1, (24, 32), (24, 32), 0)],
)
def test_a_turned_picture_is_a_warning_where_its_size_does_not_tell(tag, stored, mask, warned, tmp_path):
    """A quarter turn of a picture that is no square is right or an error of sizes."""
    folder = broken.sound_folder(tmp_path / "data")
    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(np.zeros((*stored, 3), np.uint8)).save(folder / "images/photo5.jpg", exif=exif)
    broken.save_mask(folder, np.arange(mask[0] * mask[1]).reshape(mask).astype(np.uint8) % 3, "photo5")
    assert len(lines(folder, "orientation")) == warned


def test_a_huge_mask_of_a_small_picture_is_named_without_decoding_it(shared, monkeypatch):
    folder = shared / "cases" / "robustness" / "mask_bomb"

    def decoded(*_arguments, **_options):
        raise AssertionError("decoded")

    monkeypatch.setattr(images, "_to_rgb", decoded)
    monkeypatch.setattr(images, "raw_mask", decoded)
    sizes = [error.line for error in diagnose(folder).errors if error.kind == "size"]
    assert sizes
    assert all("16384 x 16384" in line and "48 x 48" in line for line in sizes)


MASKS = ("rgb16.png", "onehot_pages.tif", "miniswhite.tif", "int64.tif", "float32.tif")


@pytest.mark.shared
@pytest.mark.parametrize("name", MASKS)
def test_masks_of_every_kind_are_counted_as_their_ids(name, shared, tmp_path):
    cases = shared / "cases" / "files"
    ids = np.load(cases / "truth_ids.npy")
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        Image.fromarray(np.full((*ids.shape, 3), 40 * number, np.uint8)).save(tmp_path / f"images/{number}.png")
        shutil.copy(cases / f"mask_{name}", (tmp_path / f"masks/{number}").with_suffix(name[-4:]))
    diagnosis = diagnose(tmp_path)
    assert diagnosis.errors == ()
    counted = sum(totals.counts for totals in diagnosis.totals.values())
    assert counted.tolist() == (4 * np.bincount(ids.ravel())).tolist()


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (np.int64, {}),
        (np.float64, {}),
        (np.uint32, {"compression": "deflate"}),
        (np.int8, {}),
        (np.uint16, {"photometric": "palette", "colormap": np.zeros((3, 2**16), np.uint16)}),
    ],
)
def test_a_mask_that_pillow_cannot_open_is_counted_like_any_other(dtype, options, tmp_path):
    folder = broken.sound_folder(tmp_path / "data")
    known = diagnose(folder).totals
    for path in [*(folder / "masks").iterdir()]:
        values = np.array(Image.open(path)).astype(dtype)  # 255 is -1 in 8 bits with a sign: without a label, too
        tifffile.imwrite(path.with_suffix(".tif"), values, **options)
        path.unlink()
    diagnosis = diagnose(folder)
    assert diagnosis.errors == ()
    for split, totals in known.items():
        np.testing.assert_array_equal(diagnosis.totals[split].counts, totals.counts)
        assert diagnosis.totals[split].ignored == totals.ignored
