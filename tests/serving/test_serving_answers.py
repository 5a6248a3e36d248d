"""Every form of an answer holds what the predictor says of the same picture."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from tiny_service import SPACE, encoded_as, picture

from atrous.inference.predictor import Predictor
from atrous.serving.models import ServedModel, Strategy
from atrous.serving.request_error import RequestError

IMAGE = picture()
CONTENT = encoded_as(IMAGE)


@pytest.fixture(scope="module")
def expected(archives):
    return Predictor(archives[0])(IMAGE, probabilities=True)


def post(client, **parameters):
    response = client.post("/v1/segment", params=parameters, content=CONTENT, headers={"content-type": "image/png"})
    assert response.status_code == 200, response.text
    return response


def as_labels(content):
    found = Image.open(io.BytesIO(content))
    assert found.mode == "P"
    return found


def test_labels_are_an_indexed_png_with_the_palette(client, expected):
    found = as_labels(post(client, output="labels").content)
    assert np.array_equal(np.array(found), expected.labels)
    assert found.getpalette()[: 3 * len(SPACE)] == [value for color in SPACE.palette for value in color]
    assert len(np.unique(expected.labels)) > 1


def test_json_holds_mask_classes_shares_and_size(client, expected):
    answer = post(client).json()
    assert np.array_equal(np.array(as_labels(base64.b64decode(answer["segmentation_mask"]))), expected.labels)
    assert answer["class_map"] == {str(label): name for label, name in enumerate(SPACE.names)}
    assert answer["image"] == {"width": 56, "height": 40}
    counts = {name: int((expected.labels == label).sum()) for label, name in enumerate(SPACE.names)}
    assert {name: round(share * 56 * 40) for name, share in answer["shares"].items()} == {
        name: count for name, count in counts.items() if count
    }
    assert answer["model"] == "a"
    assert answer["settings"] == {"output_stride": 16, "scales": [1.0], "flip": False}


def test_polygons_without_simplification_cover_their_pixels(client, expected):
    found = post(client, output="polygons", tolerance=0).json()["polygons"]
    covered = np.full((40, 56), 255)
    rows, columns = np.mgrid[:40, :56] + 0.5
    for polygon in found:
        inside = (
            sum(even_odd(np.array(ring), rows, columns) for ring in (polygon["outline"], *polygon["holes"])) % 2 == 1
        )
        assert inside.sum() == polygon["pixels"]
        assert (covered[inside] == 255).all()
        covered[inside] = polygon["class_id"]
        assert SPACE.names[polygon["class_id"]] == polygon["class"]
    assert np.array_equal(covered, expected.labels)


def even_odd(ring, rows, columns):
    """1 where a ray to the right crosses a ring an odd number of times."""
    crossings = np.zeros(rows.shape, int)
    for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y != next_y:
            passes = (min(y, next_y) < rows) & (rows < max(y, next_y))
            crossings += passes & (columns < x + (rows - y) * (next_x - x) / (next_y - y))
    return crossings % 2


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools, with NumPy 2
def test_coco_run_lengths_are_what_pycocotools_decodes(client, expected):
    answer = post(client, output="coco_rle").json()
    names = {category["id"]: category["name"] for category in answer["categories"]}
    found = np.full((40, 56), 255)
    for annotation in answer["annotations"]:
        mask = coco_mask.decode(coco_mask.frPyObjects(annotation["segmentation"], 40, 56)).astype(bool)
        assert mask.sum() == annotation["area"]
        found[mask] = SPACE.names.index(names[annotation["category_id"]])
    assert np.array_equal(found, expected.labels)


def test_probabilities_are_float16_by_class(client, expected):
    found = np.load(io.BytesIO(post(client, output="probabilities").content))
    assert np.array_equal(found, expected.probabilities.astype(np.float16))
    assert np.array_equal(found.astype(np.float64).sum(axis=0).round(2), np.ones((40, 56)))


def test_overlays_blend_by_the_opacity_asked_for(client, expected):
    found = Image.open(io.BytesIO(post(client, output="overlay", opacity=0.25).content))
    assert np.array_equal(np.array(found), np.array(expected.overlay(opacity=0.25)))


def test_certainty_is_of_the_two_largest_probabilities(client, expected):
    maps = {
        name: np.array(Image.open(io.BytesIO(base64.b64decode(text))))
        for name, text in post(client, certainty=True).json()["certainty"].items()
    }
    order = np.argsort(-expected.probabilities, axis=0, kind="stable")
    ranked = np.take_along_axis(expected.probabilities.astype(np.float64), order, axis=0)
    assert np.abs(maps["best"] - 255 * ranked[0]).max() <= 0.51
    assert np.abs(maps["second"] - 255 * ranked[1]).max() <= 0.51
    assert (maps["second_class"] == order[1]).mean() > 0.999  # ties of float32
    entropy = -(ranked * np.log(np.maximum(ranked, 1e-30))).sum(axis=0) / np.log(len(SPACE))
    assert np.abs(maps["entropy"] - 255 * entropy).max() <= 0.51


@pytest.mark.parametrize(
    ("parameters", "settings"),
    [
        ({"output_stride": 8}, {"output_stride": 8}),
        ({"scales": "0.5,1.25", "flip": "true"}, {"scales": (0.5, 1.25), "flip": True}),
        ({"scales": ["0.75", "1"], "output_stride": 32}, {"scales": (0.75, 1.0), "output_stride": 32}),
    ],
)
def test_settings_are_those_of_the_predictor(client, archives, parameters, settings):
    found = as_labels(post(client, output="labels", **parameters).content)
    assert np.array_equal(np.array(found), Predictor(archives[0], **settings)(IMAGE).labels)


def test_a_form_names_another_model_and_gives_parameters(client, archives):
    fields = {"model": "b", "output": "labels", "flip": "1"}
    response = client.post("/v1/segment", files={"image": ("x.png", CONTENT)}, data=fields)
    assert np.array_equal(np.array(as_labels(response.content)), Predictor(archives[1], flip=True)(IMAGE).labels)


def test_orientation_transparency_and_other_formats_are_as_everywhere(client, archives):
    predictor = Predictor(archives[0])
    exif = Image.Exif()
    exif[274] = 6
    contents = [
        encoded_as(IMAGE, "JPEG", exif=exif.tobytes(), quality=95),
        encoded_as(np.dstack([IMAGE, np.full((40, 56), 128, np.uint8)])),
        encoded_as(IMAGE[..., 0]),
        *(encoded_as(IMAGE, form) for form in ("WEBP", "TIFF", "BMP", "GIF", "AVIF")),
    ]
    for content in contents:
        response = client.post("/v1/segment", params={"output": "labels"}, content=content)
        assert response.status_code == 200, response.text
        assert np.array_equal(np.array(as_labels(response.content)), predictor(content).labels)
    rotated = client.post("/v1/segment", content=contents[0]).json()
    assert rotated["image"] == {"width": 40, "height": 56}


def test_an_exported_file_has_its_settings_built_in(archives):
    model = ServedModel("graph", None, Predictor(archives[0]))
    assert model.predictor(Strategy()) is model.predictor(Strategy(16, (1.0,), flip=False)) is model.default
    for strategy in (Strategy(8), Strategy(scales=(0.5,)), Strategy(flip=True)):
        with pytest.raises(RequestError, match="built in") as caught:
            model.predictor(strategy)
        assert caught.value.status == 422
    assert model.variant() is None
    assert model.description()["licence"] is None
