"""`atrous predict` from the command line to the files."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.progress import Progress

import atrous
from atrous.cli import predict as predict_module
from atrous.cli.main import main
from atrous.data.formats.windows import ArrayPixels
from atrous.inference.tiling.regions import joined_label_rows
from atrous.inference.tiling.tiles import Tiling
from atrous.labels import PASCAL_VOC, LabelSpace
from fakes.lively_model import LABELS, blocks, lively_model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lively.safetensors"
    atrous.save(path, lively_model(), labels=LABELS, provenance={})
    return str(path)


@pytest.fixture
def photos(tmp_path):
    for seed, name in enumerate(("a.png", "b.bmp", "sub/a.tif")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blocks(34, 50, seed=seed)[0].permute(1, 2, 0).numpy()).save(path)
    return tmp_path / "photos"


def written(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_becomes_label_maps_and_overlays(weights, photos, tmp_path, capsys):
    assert main(["predict", weights, str(photos), "--out", str(tmp_path / "out")]) == 0
    assert written(tmp_path / "out") == ["a.png", "a_overlay.jpg", "b.png", "b_overlay.jpg"]
    printed = capsys.readouterr().out
    assert f"label map and overlay of 2 of 2 pictures written to {tmp_path / 'out'}" in printed
    with Image.open(tmp_path / "out/b.png") as labels:
        found, palette = np.array(labels), labels.getpalette()
    np.testing.assert_array_equal(found, atrous.Predictor(lively_model())(photos / "b.bmp").labels)
    assert palette[:12] == [value for color in LABELS.palette for value in color]


def test_options_reach_the_predictor(weights, photos, tmp_path):
    options = ["--scales", "0.5", "1", "--flip", "--output-stride", "8", "--no-overlay", "--device", "cpu"]
    assert main(["predict", weights, str(photos / "a.png"), "--out", str(tmp_path / "out"), *options]) == 0
    assert written(tmp_path / "out") == ["a.png"]
    expected = atrous.Predictor(lively_model(), scales=(0.5, 1.0), flip=True, output_stride=8)(photos / "a.png").labels
    with Image.open(tmp_path / "out/a.png") as labels:
        np.testing.assert_array_equal(np.array(labels), expected)
    assert (expected != atrous.Predictor(lively_model())(photos / "a.png").labels).any()


def test_tiles_and_limits_reach_the_work(weights, photos, tmp_path, capsys):
    image = blocks(150, 90, seed=3)[0].permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(image).save(photos / "large.png")
    options = ["--out", str(tmp_path / "out"), "--no-overlay", "--tile", "96", "--overlap", "16"]
    assert main(["predict", weights, str(photos), *options, "--max-pixels", "13500"]) == 0
    predictor, tiling = atrous.Predictor(lively_model()), Tiling(size=96, overlap=16)
    expected = list(joined_label_rows(predictor.regions(ArrayPixels(image), tiling=tiling), width=90))
    with Image.open(tmp_path / "out/large.png") as labels:
        np.testing.assert_array_equal(np.array(labels), np.concatenate(expected))
    assert main(["predict", weights, str(photos), *options, "--max-pixels", "13499"]) == 1
    assert "90 x 150 pixels, more than the limit of 13499" in " ".join(capsys.readouterr().err.split())


def test_patterns_reach_folders_inside_and_equal_names_keep_them(weights, photos, tmp_path):
    assert main(["predict", weights, f"{photos}/**/*", "--out", str(tmp_path / "out"), "--no-overlay"]) == 0
    assert written(tmp_path / "out") == ["a.png", "b.png", "sub/a.png"]


def test_a_corrupt_picture_is_named_and_the_rest_goes_on(weights, photos, tmp_path, capsys):
    (photos / "aa[red].png").write_bytes(b"not a picture")
    assert main(["predict", weights, str(photos), "--out", str(tmp_path / "out")]) == 1
    assert written(tmp_path / "out") == ["a.png", "a_overlay.jpg", "b.png", "b_overlay.jpg"]
    told = capsys.readouterr()
    assert "of 2 of 3 pictures written" in told.out
    assert "1 of 3 pictures failed" in told.out
    assert sum("aa[red].png is not a picture of a known format" in line for line in told.err.splitlines()) == 1


def test_a_file_name_that_is_no_text_is_no_trouble(weights, photos, tmp_path, capsys):
    (photos / os.fsdecode(b"caf\xe9.png")).write_bytes(b"not a picture")
    (photos / "a.png").rename(photos / os.fsdecode(b"\xff.png"))
    assert main(["predict", weights, str(photos), "--out", str(tmp_path / "out"), "--no-overlay"]) == 1
    assert len(written(tmp_path / "out")) == 2
    assert "is not a picture of a known format" in capsys.readouterr().err


def test_existing_outputs_are_replaced(weights, photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_text("old")
    assert main(["predict", weights, str(photos / "a.png"), "--out", str(tmp_path / "out"), "--no-overlay"]) == 0
    with Image.open(tmp_path / "out/a.png") as labels:
        assert labels.size == (50, 34)


def bad_input(arguments, capsys):
    """The one line that is told of bad input."""
    assert main(["predict", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.strip().splitlines()
    assert len(lines) == 1, told.err
    return lines[0]


@pytest.mark.parametrize("content", [None, b"", b"not weights at all", b"\x80\x04pickle"])
def test_bad_weights_are_one_line(content, photos, tmp_path, capsys):
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert str(path) in bad_input([str(path), str(photos), "--out", str(tmp_path / "out")], capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output-stride", "5"], "output stride 5 is impossible"),
        (["--output-stride", "0"], "output stride 0 is impossible"),
        (["--scales", "0"], "give one or more numbers above 0"),
        (["--scales"], "give one or more numbers above 0"),
        (["--scales", "big"], "big"),
        (["--device", "tpu"], "tpu"),
        (["--sclaes", "1"], "--sclaes"),
        (["--pad", "big"], "size 'big' is not a size"),
        (["--pad", "0"], "padding to 0x0 is out of reach"),
        (["--pad", "999999999"], "padding to 999999999x999999999 is out of reach"),
        (["--server", "coco"], "coco"),
        (["--only", "gone.txt"], "cannot read gone.txt"),
        (["--tile", "0"], "tiles of 0 pixels"),
        (["--tile", "64", "--overlap", "64"], "give a size up to 65536, and less overlap"),
        (["--tile", "64", "--overlap", "0", "--flip"], "leave out --tile, or the other options"),
        (["--max-pixels", "0"], "--max-pixels 0 leaves no picture"),
    ],
)
def test_bad_options_are_one_line(options, message, weights, photos, tmp_path, capsys):
    assert message in bad_input([weights, str(photos), "--out", str(tmp_path / "out"), *options], capsys)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_a_missing_device_is_one_line(weights, photos, tmp_path, capsys):
    line = bad_input([weights, str(photos), "--out", str(tmp_path / "out"), "--device", "cuda"], capsys)
    assert "device cuda" in line


def test_bad_inputs_and_outputs_are_one_line(weights, photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    out = ["--out", str(tmp_path / "out")]
    assert "no pictures directly in" in bad_input([weights, str(tmp_path / "empty"), *out], capsys)
    assert "no picture matches" in bad_input([weights, str(tmp_path / "gone*.png"), *out], capsys)
    assert "no input given" in bad_input([weights, *out], capsys)
    assert "--out" in bad_input([weights, str(photos)], capsys)
    assert "would take for pictures" in bad_input([weights, str(photos), "--out", str(photos)], capsys)
    assert "would be replaced" in bad_input([weights, f"{photos}/*", "--out", str(photos)], capsys)
    assert "weights come first" in bad_input([str(next(photos.iterdir())), weights, *out], capsys)
    (tmp_path / "empty/last.safetensors").touch()
    assert "run folder of atrous train" in bad_input([str(photos), str(tmp_path / "empty"), *out], capsys)


def test_an_output_folder_that_cannot_be_written_is_told(weights, photos, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["predict", weights, str(photos), "--out", str(tmp_path / "file")]) == 2
    assert "choose another output folder" in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def voc_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "voc.safetensors"
    atrous.save(path, lively_model(classes=21), labels=PASCAL_VOC, provenance={})
    return str(path)


@pytest.fixture
def voc(tmp_path):
    """Two pictures of the test list, and one that is not in it."""
    (tmp_path / "voc").mkdir()
    for seed, name in enumerate(("2008_000006", "2008_000011", "2008_000012")):
        Image.fromarray(blocks(18, 26, seed=seed)[0].permute(1, 2, 0).numpy()).save(tmp_path / f"voc/{name}.png")
    (tmp_path / "test.txt").write_text("2008_000006\n2008_000012\n")
    return tmp_path


def test_a_submission_holds_the_pictures_of_the_list(voc_weights, voc, capsys):
    options = ["--only", str(voc / "test.txt"), "--server", "voc", "--out", str(voc / "out")]
    assert main(["predict", voc_weights, str(voc / "voc"), *options]) == 0
    folder = voc / "out/results/VOC2012/Segmentation/comp6_test_cls"
    assert written(voc / "out") == [
        f"{folder.relative_to(voc / 'out')}/{name}.png" for name in ("2008_000006", "2008_000012")
    ]
    assert f"label map of 2 of 2 pictures written to {voc / 'out'}" in capsys.readouterr().out
    with Image.open(folder / "2008_000012.png") as labels:
        expected = atrous.Predictor(atrous.load(voc_weights))(voc / "voc/2008_000012.png").labels
        np.testing.assert_array_equal(np.array(labels), expected)


def test_bad_submissions_are_one_line(weights, voc_weights, voc, photos, capsys):
    out = ["--out", str(voc / "out")]
    assert "is not named as the server's" in bad_input([voc_weights, str(photos), "--server", "voc", *out], capsys)
    assert "these weights have other classes" in bad_input([weights, str(voc / "voc"), "--server", "voc", *out], capsys)
    line = bad_input([voc_weights, str(voc / "voc"), "--server", "voc", "--tile", "512", *out], capsys)
    assert "--tile and --server do not go together" in line
    (voc / "test.txt").write_text("2008_000006\n2009_000001\n")
    line = bad_input([voc_weights, str(voc / "voc"), "--only", str(voc / "test.txt"), *out], capsys)
    assert "test.txt lists '2009_000001', which is not among the 3 images given" in line
    assert not (voc / "out").exists()


def test_a_picture_larger_than_the_padding_is_named_and_the_rest_goes_on(weights, photos, tmp_path, capsys):
    Image.fromarray(blocks(40, 50)[0].permute(1, 2, 0).numpy()).save(photos / "large.png")
    options = ["--out", str(tmp_path / "out"), "--no-overlay", "--pad", "35x51"]
    assert main(["predict", weights, str(photos), *options]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"{photos / 'large.png'}: an image of 40x50 does not fit into the padding to 35x51" in told
    assert written(tmp_path / "out") == ["a.png", "b.png"]
    with Image.open(tmp_path / "out/b.png") as labels:
        expected = atrous.Predictor(lively_model(), pad=(35, 51))(photos / "b.bmp").labels
        np.testing.assert_array_equal(np.array(labels), expected)


def test_classes_shares_and_time_are_printed(weights, photos, tmp_path, capsys):
    assert main(["predict", weights, str(photos / "a.png"), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    shares = atrous.Predictor(atrous.load(weights))(photos / "a.png").shares()
    assert f"classes  {', '.join(f'{name} {share:.1%}' for name, share in shares.items())}\n" in printed
    assert "s per picture, reading and writing included" in printed


def test_probabilities_are_written_by_option(weights, photos, tmp_path):
    options = ["--out", str(tmp_path / "out"), "--no-overlay", "--probabilities"]
    assert main(["predict", weights, str(photos / "a.png"), *options]) == 0
    assert written(tmp_path / "out") == ["a.png", "a_probabilities.npy"]
    found = np.load(tmp_path / "out/a_probabilities.npy")
    expected = atrous.Predictor(lively_model()).probabilities(photos / "a.png")
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_finished_pictures_are_left_out_by_option(weights, photos, tmp_path, capsys):
    options = ["--out", str(tmp_path / "out"), "--skip-done"]
    assert main(["predict", weights, str(photos / "a.png"), *options]) == 0
    before = (tmp_path / "out/a.png").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["predict", weights, str(photos), *options]) == 0
    printed = capsys.readouterr().out
    assert "label map and overlay of 1 of 1 pictures written" in printed
    assert "1 pictures were left out: their outputs exist" in printed
    assert (tmp_path / "out/a.png").stat().st_mtime_ns == before


def test_failed_polygons_are_counted_apart_from_failed_pictures(weights, photos, tmp_path, capsys, monkeypatch):
    """A label map of an earlier run that is damaged has no polygons; a damaged picture has no label map."""
    options = ["--out", str(tmp_path / "out"), "--skip-done", "--no-overlay", "--as", "geojson"]
    assert main(["predict", weights, str(photos), *options]) == 0
    (tmp_path / "out/b.png").write_bytes(b"no picture")
    capsys.readouterr()
    totals, looked = [], []
    add_task, is_done = Progress.add_task, predict_module._is_done
    monkeypatch.setattr(
        Progress, "add_task", lambda *a, total, **k: totals.append(total) or add_task(*a, total=total, **k)
    )
    monkeypatch.setattr(
        predict_module, "_is_done", lambda files, **more: looked.append(files) or is_done(files, **more)
    )
    assert main(["predict", weights, str(photos), *options]) == 1
    printed = capsys.readouterr()
    assert "label map of 0 of 0 pictures written" in printed.out
    assert "1 of 2 pictures have no polygons, each named above" in printed.out
    assert "pictures failed" not in printed.out
    assert 2 in totals
    assert len(looked) == 2


def test_overlays_have_options(weights, photos, tmp_path):
    sizes = {}
    for option in ("--legend", "--no-legend"):
        assert main(["predict", weights, str(photos / "a.png"), "--out", str(tmp_path / option), option]) == 0
        with Image.open(tmp_path / option / "a_overlay.jpg") as overlay:
            sizes[option] = overlay.size
    assert sizes["--no-legend"] == (50, 34)
    assert sizes["--legend"][1] > 34


def test_the_background_is_painted_by_option_alone(photos, tmp_path):
    path, names = tmp_path / "weights.safetensors", ("background", *LABELS.names[1:])
    atrous.save(path, lively_model(), labels=LabelSpace(names), provenance={})
    changed = []
    for options in (["--no-legend"], ["--no-legend", "--overlay-background"]):
        out = tmp_path / f"out{len(options)}"
        assert main(["predict", str(path), str(photos / "a.png"), "--out", str(out), *options]) == 0
        overlay, picture, labels = (
            np.array(Image.open(name).convert(mode), dtype=int)
            for name, mode in ((out / "a_overlay.jpg", "RGB"), (photos / "a.png", "RGB"), (out / "a.png", "P"))
        )
        changed.append(np.median(np.abs(overlay - picture).max(axis=-1)[labels == 0]))
    assert 2 * changed[0] < changed[1], changed  # JPEG changes values, too


def test_a_run_folder_stands_for_its_last_weights(weights, photos, tmp_path, caplog):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/last.safetensors").write_bytes(Path(weights).read_bytes())
    assert main(["predict", str(tmp_path / "run"), str(photos / "a.png"), "--out", str(tmp_path / "out")]) == 0
    assert f"{tmp_path / 'run'} is a run folder; its last.safetensors is used" in caplog.text


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict", "--help"])
    assert stop.value.code == 0
    assert "Example: atrous predict" in capsys.readouterr().out


def test_auto_says_the_precision_that_it_chose(weights, photos, tmp_path, capsys):
    options = ["--out", str(tmp_path / "out"), "--precision", "auto"]
    assert main(["predict", weights, str(photos / "a.png"), *options]) == 0
    assert "computed in float32 (no other number type is tried on cpu)" in capsys.readouterr().out
