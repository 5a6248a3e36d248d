"""Polygons of predictions, read back by the readers of data sets and painted by matplotlib."""

import json

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.data.formats.geo_transform import affine_of, epsg_code
from atrous.errors import InputError
from atrous.inference.annotation_files import AnnotationFiles
from atrous.inference.output_files import PredictionFiles
from atrous.labels import LabelSpace
from atrous.report.label_png import write_label_png
from fakes.geotiff import GEO, write_tiff
from fakes.lively_model import LABELS, blocks, lively_model

SPACE = LabelSpace(("background", "leaf", "stem"), palette=((0, 0, 0), (10, 200, 30), (200, 10, 30)))
SIZE = (150, 220)


def label_map(seed: int) -> np.ndarray:
    """Discs of 100 to 10000 pixels over each other; a leaf has a hole, and in it lies a stem."""
    rows, columns = np.indices(SIZE)
    labels = np.zeros(SIZE, np.uint8)
    generator = np.random.default_rng(seed)
    for label, radius in ((1, 56), (2, 30), (1, 12), (2, 6), (1, 6)):
        y, x = generator.uniform(0, SIZE[0]), generator.uniform(0, SIZE[1])
        labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = label
    for label, radius in ((1, 40), (0, 20), (2, 8)):
        labels[(rows - 60) ** 2 + (columns - 90) ** 2 <= radius**2] = label
    return labels


@pytest.fixture
def predictions(tmp_path):
    """Three pictures with their label maps, one of them in a folder."""
    plan = []
    for seed, name in enumerate(("a", "in/b", "c")):
        image = tmp_path / "photos" / f"{name}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)).save(image)
        plan.append(PredictionFiles(image, labels=tmp_path / "out" / f"{name}.png", overlay=None))
        write_label_png(plan[-1].labels, label_map(seed), SPACE)
    return plan


def write(predictions, form, out, *, tolerance=1.0):
    files = AnnotationFiles(form, out=out, space=SPACE, tolerance=tolerance)
    assert [files.add(one) for one in predictions] == [None] * len(predictions)
    return files.finish()


@pytest.mark.parametrize(("form", "tolerance"), [("coco", 0.0), ("labelme", 1.0), ("yolo", 1.0), ("coco", 8.0)])
def test_data_sets_are_opened_again_with_the_predicted_labels(predictions, form, tolerance, tmp_path):
    (line,) = write(predictions, form, tmp_path / "out", tolerance=tolerance)
    assert line == f"polygons of 3 pictures in {tmp_path / 'out' / form}, a data set as {form}"
    data = open_data(tmp_path / "out" / form)
    assert data.labels.names == SPACE.names
    assert sorted(data.names) == ["a", "c", "in/b"]
    for name, seed in (("a", 0), ("in/b", 1), ("c", 2)):
        found, expected = data[list(data.names).index(name)].labels, label_map(seed)
        for label in range(len(SPACE)):
            one, other = found == label, expected == label
            assert (one & other).sum() >= (1.0 if tolerance == 0 else 0.98) * (one | other).sum()
    photo = (tmp_path / "photos/in/b.jpg").read_bytes()
    assert [path.read_bytes() == photo for path in (tmp_path / "out" / form).rglob("b.jpg")] == [True]
    assert main(["doctor", str(tmp_path / "out" / form)]) == 0


def test_coco_polygons_have_boxes_and_areas(predictions, tmp_path):
    write(predictions, "coco", tmp_path / "out", tolerance=0.0)
    content = json.loads((tmp_path / "out/coco/annotations/instances_train.json").read_text())
    assert [entry["name"] for entry in content["categories"]] == ["leaf", "stem"]
    first = [entry for entry in content["annotations"] if entry["image_id"] == 1]
    for label in (1, 2):
        assert (
            sum(entry["area"] for entry in first if entry["category_id"] == label + 1) == (label_map(0) == label).sum()
        )
    for entry in first:
        x, y = np.array(entry["segmentation"][0]).reshape(-1, 2).T
        assert entry["bbox"] == [x.min(), y.min(), np.ptp(x), np.ptp(y)]


def filled(features, size, *, to_pixels):
    """The label map of features: pixels whose centre is inside the outer ring and in no hole."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    centres, labels = np.stack((x.ravel(), y.ravel()), axis=1), np.zeros(size[0] * size[1], np.uint8)
    for feature in features:
        rings = [Outline(to_pixels(np.array(ring))) for ring in feature["geometry"]["coordinates"]]
        inside = [ring.contains_points(centres) for ring in rings]
        labels[inside[0] & ~np.any(inside[1:], axis=0)] = feature["properties"]["class_id"]
    return labels.reshape(size)


def test_geojson_of_photos_has_pixels(predictions, tmp_path):
    (line,) = write(predictions, "geojson", tmp_path / "out", tolerance=0.0)
    assert line == (
        f"polygons of 3 pictures in {tmp_path / 'out'} as GeoJSON: 3 in coordinates of pixels (x right, y down)"
    )
    content = json.loads((tmp_path / "out/in/b.geojson").read_text())
    assert "crs" not in content
    np.testing.assert_array_equal(filled(content["features"], SIZE, to_pixels=np.array), label_map(1))


def test_geojson_of_a_geotiff_has_coordinates_of_the_earth(tmp_path):
    labels, files = label_map(0), AnnotationFiles("geojson", out=tmp_path / "out", space=SPACE, tolerance=0.0)
    image = write_tiff(tmp_path / "a.tif", np.zeros((*SIZE, 3), np.uint8), geo=True, photometric="rgb")
    plan = PredictionFiles(image, labels=tmp_path / "out/a.png", overlay=None)
    write_label_png(plan.labels, labels, SPACE)
    assert files.add(plan) is None
    assert files.finish()[0].endswith("1 in coordinates of the earth")
    content = json.loads((tmp_path / "out/a.geojson").read_text())
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32632"
    # 0.5 m to the east and 0.25 m to the south a pixel, from (500000, 5400000).
    back = filled(
        content["features"],
        SIZE,
        to_pixels=lambda ring: np.stack(((ring[:, 0] - 500000) / 0.5, (5400000 - ring[:, 1]) / 0.25), axis=1),
    )
    np.testing.assert_array_equal(back, labels)
    for feature in content["features"]:
        for ring, sign in zip(feature["geometry"]["coordinates"], [1, -1, -1], strict=False):
            x, y = np.array(ring).T
            assert np.sign((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) == sign


def test_affine_of_every_kind_of_tag():
    """By hand: pixel (3, 2) of tiepoint (1, 1) -> (100, 50), pixels of 2 x 4."""
    scaled = {33550: (2.0, 4.0, 0.0), 33922: (1.0, 1.0, 0.0, 100.0, 50.0, 0.0)}
    corner = np.array([3.0, 2.0, 1.0])
    np.testing.assert_allclose(affine_of(scaled) @ corner, (104, 46))
    centres = {**scaled, 34735: (1, 1, 0, 1, 1025, 0, 1, 2)}  # the point is the centre of its pixel
    np.testing.assert_allclose(affine_of(centres) @ corner, (103, 48))
    turned = {34264: (0.0, 2.0, 0.0, 7.0, 3.0, 0.0, 0.0, 9.0, *(0.0,) * 7, 1.0)}
    np.testing.assert_allclose(affine_of(turned) @ corner, (11, 18))
    several = {33922: tuple(float(value) for value in range(18))}
    without_scale, two_points = {33922: scaled[33922]}, {**scaled, **several}
    flat, unknown = {**scaled, 33550: (0.0, 4.0, 0.0)}, {**scaled, 33550: (float("nan"), 1.0, 0.0)}
    for reference in ({}, several, without_scale, two_points, flat, unknown):
        assert affine_of(reference) is None
    assert (epsg_code(GEO), epsg_code({}), epsg_code({34735: (1, 1, 0, 1, 3072, 0, 1, 32767)})) == (32632, None, None)
    assert epsg_code({34735: (1, 1, 0, 1, 2048, 0, 1, 4326)}) == 4326


def test_regions_have_no_seams_where_tiles_met(tmp_path, capsys):
    atrous.save(tmp_path / "w.safetensors", lively_model(), labels=LABELS, provenance={})
    (tmp_path / "photos").mkdir()
    image = blocks(150, 90, seed=3)[0].permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(image).save(tmp_path / "photos/large.png")
    command = ["predict", str(tmp_path / "w.safetensors"), str(tmp_path / "photos"), "--out", str(tmp_path / "out")]
    command += ["--no-overlay", "--tile", "96", "--overlap", "16", "--as", "geojson", "--tolerance", "0"]
    assert main(command) == 0
    assert "polygons of 1 pictures" in capsys.readouterr().out
    with Image.open(tmp_path / "out/large.png") as picture:
        labels = np.array(picture)
    features = json.loads((tmp_path / "out/large.geojson").read_text())["features"]
    drawn = labels * (labels > 0) if LABELS.names[0] == "background" else labels
    np.testing.assert_array_equal(filled(features, labels.shape, to_pixels=np.array), drawn)
    assert any(max(x for x, _ in one["geometry"]["coordinates"][0]) == 90 for one in features)
    (tmp_path / "out/large.geojson").unlink()
    assert main([*command[:-4], "--as", "coco", "--skip-done"]) == 0  # nothing to predict, all to draw
    assert json.loads((tmp_path / "out/coco/annotations/instances_train.json").read_text())["images"][0]["width"] == 90


def test_what_cannot_be_drawn_is_one_line(predictions, tmp_path, capsys):
    with pytest.raises(InputError, match=r"--tolerance -1\.0: give"):
        AnnotationFiles("coco", out=tmp_path, space=SPACE, tolerance=-1.0)
    array = tmp_path / "a.npy"
    np.save(array, np.zeros((4, 4, 3), np.uint8))
    files = AnnotationFiles("yolo", out=tmp_path / "out", space=SPACE, tolerance=0.0)
    assert "use --as geojson" in files.add(PredictionFiles(array, labels=predictions[0].labels, overlay=None))
    assert files.finish() == []
    assert main(["predict", "none", "clip.mp4", "--out", str(tmp_path / "out"), "--as", "coco"]) == 2
    assert "--as is for label maps of pictures" in capsys.readouterr().err
