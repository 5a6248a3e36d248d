"""Folders of formats that are not read: one line with what was seen, the nearest known format, and a command."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_data
from atrous.data.layouts.label_files.yolo_keypoints import are_keypoints
from atrous.data.layouts.scanner import contents_of
from atrous.data.layouts.tree import look
from atrous.errors import InputError
from fakes.layouts import NAMES, ids_mask, picture, truth
from fakes.published import save

BOX = "<annotation><object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"
BOXES = json.dumps(
    {
        "images": [{"id": 1, "file_name": "s0.jpg", "width": 16, "height": 12}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
)


def keypoints(name, visibilities):
    """Two rows: a box of 0.3 x 0.6 with three points in it, and a fourth that is not in the picture."""
    rows = []
    for turn in range(2):
        x = 0.3 + 0.07 * NAMES.index(name) + 0.01 * turn
        points = [(x - 0.03, 0.22), (x + 0.11, 0.3), (x - 0.1, 0.65), (0, 0)]
        marks = [(mark,) if visibilities else () for mark in visibilities or (0,) * 4]
        numbers = [0, x, 0.45, 0.3, 0.6]
        for point, mark in zip(points, marks, strict=True):
            numbers += [*point, *mark]
        rows.append(" ".join(map(str, numbers)))
    return "\n".join(rows)


FORMATS = {
    "YOLO keypoints": ({f"shots/{name}.txt": keypoints(name, (2, 1, 2, 0)) for name in NAMES}, "YOLO keypoints"),
    "keypoints seen or not": (
        {f"labels/{name}.txt": keypoints(name, (1, 0, 1, 0)) for name in NAMES},
        "YOLO keypoints",
    ),
    "keypoints alone": ({f"labels/{name}.txt": keypoints(name, ()) for name in NAMES}, "YOLO keypoints"),
    "YOLO boxes": ({f"labels/{name}.txt": "0 0.5 0.5 0.2 0.2\n" for name in NAMES}, "YOLO boxes"),
    "VOC boxes": ({f"Annotations/{name}.xml": BOX for name in NAMES}, "VOC boxes"),
    "GeoJSON": ({f"{name}.geojson": "{}" for name in NAMES}, "GeoJSON"),
    "TFRecord": ({f"train-{number}.tfrecord": "x" for number in range(4)}, "TFRecord"),
    "shapefiles": ({f"fields/{name}.shp": "x" for name in NAMES}, "shapefiles"),
    "HDF5": ({f"{name}.h5": "x" for name in NAMES}, "HDF5"),
    "pickles": ({f"{name}.pkl": "x" for name in NAMES}, "a Python pickle"),
    "SVG": ({f"{name}.svg": "<svg/>" for name in NAMES}, "SVG drawings"),
    "NIfTI": ({f"{name}.nii": "x" for name in NAMES}, "NIfTI"),
    "packed NIfTI": ({f"{name}.nii.gz": "x" for name in NAMES}, "NIfTI"),
    "packed archive": ({"masks.tar.gz": "x"}, "an archive"),
    "boxes in CSV": ({"boxes.csv": "image,xmin,ymin,xmax,ymax,label\ns0.jpg,1,2,3,4,cat\n"}, "boxes in CSV"),
    "COCO boxes": ({"boxes.json": BOXES}, "COCO boxes"),
    "DICOM": ({f"{name}.dcm": "x" for name in NAMES}, "DICOM"),
    "ImageJ regions": ({f"rois/{name}_RoiSet.zip": "x" for name in NAMES}, "regions of ImageJ"),
    "videos": ({f"{name}.mp4": "x" for name in NAMES}, "a video"),
    "an archive": ({"masks.zip": "x"}, "an archive"),
    "JSON of boxes": ({f"{name}.json": json.dumps({"boxes": [1, 2]}) for name in NAMES}, "JSON of no known form"),
    "COCO of one picture": (
        {"one.json": json.dumps({"annotations": 1, "images": 2, "categories": 3})},
        "look like COCO;",
    ),
    "notes": ({f"{name}.txt": "taken at noon, two cats\n" for name in NAMES}, "pictures without labels"),
    "numbers of classes": ({f"{name}.txt": "0\n1\n" for name in NAMES}, "pictures without labels"),
    "outlines by points": ({f"{name}.txt": "0 0.1 0.1 0.2 0.2 0.3\n" for name in NAMES}, "YOLO"),
    "XML of cells": ({f"{name}.xml": "<cells><cell x='1'/></cells>" for name in NAMES}, "XML of no known form"),
    "XML of cars": ({f"{name}.xml": "<annotation><object/></annotation>" for name in NAMES}, "VOC XML"),
    "pictures alone": ({}, "pictures without labels"),
    "a readme": ({"README.txt": "Pictures of 2020.\n"}, "pictures without labels"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_line_says_what_was_seen_and_what_to_do(tmp_path, name):
    files, nearest = FORMATS[name]
    for one in NAMES:
        save(picture(one), tmp_path / f"shots/{one}.jpg")
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    with pytest.raises(InputError) as error:
        open_data(tmp_path)
    line = str(error.value)
    assert "\n" not in line
    assert "I see 6 .jpg" in line
    if files:
        assert re.search(rf"and {len(files)} \.[\w.]+ that look like", line)
    assert nearest in line
    assert f"atrous doctor {tmp_path}" in line


def test_texts_of_words_are_no_labels(tmp_path):
    """Remarks on the pictures lie beside them; nothing says YOLO."""
    for one in NAMES:
        save(picture(one), tmp_path / f"shots/{one}.jpg")
        (tmp_path / f"shots/{one}.txt").write_text("taken by hand at noon on day 3\n1 2 3 4 5\n")
    with pytest.raises(InputError, match="look like pictures without labels"):
        open_data(tmp_path)


def test_the_table_that_the_line_proposes_pairs_the_files(tmp_path):
    """Two pictures for each mask: which one counts is the user's decision, and the example is one of the two."""
    for name in NAMES:
        save(picture(name), tmp_path / f"a/{name}.png")
        save(picture(name).rotate(180), tmp_path / f"b/{name}.png")
        save(ids_mask(name), tmp_path / f"change/{name}.png")
    with pytest.raises(InputError, match="of no known layout") as told:
        open_data(tmp_path)
    images, masks = re.search(r'images = (".*?") and masks = (".*?"), {name} being', str(told.value)).groups()
    (tmp_path / "schema.toml").write_text(f"[layout]\nimages = {images}\nmasks = {masks}\n")
    data = open_data(tmp_path)
    assert len(data) == len(NAMES)
    for index, name in enumerate(data.names):
        np.testing.assert_array_equal(data[index].image, np.asarray(picture(name)))
        np.testing.assert_array_equal(data[index].labels, truth(name))


def test_keypoints_are_told_by_what_data_yaml_states(tmp_path):
    """A few rows could be polygons."""
    (tmp_path / "labels").mkdir()
    for name in NAMES:
        save(picture(name), tmp_path / f"images/{name}.jpg")
        (tmp_path / f"labels/{name}.txt").write_text("0 0.5 0.45 0.3 0.6 0.47 0.22 0.61 0.30 0.40 0.65\n")
    assert contents_of(tmp_path).layout == "YOLO polygons"
    (tmp_path / "data.yaml").write_text("names: [cat]\nkpt_shape: [3, 2]\n")
    with pytest.raises(InputError, match="look like YOLO keypoints; they are no outlines: export polygons"):
        open_data(tmp_path)


def ellipses(random, largest):
    """Corners of an ellipse anywhere in the picture."""
    radii = random.uniform(0.005, largest / 2, 2)
    center, start = random.uniform(radii, 1 - radii), random.uniform(0, 2 * np.pi)
    turns = start + np.arange(7) * 2 * np.pi / 7
    return center + radii * np.stack([np.cos(turns), np.sin(turns)], axis=1)


def rectangles(random, largest):
    low, high = np.sort(random.uniform(0.5 - largest / 2, 0.5 + largest / 2, (2, 2)), axis=0)
    return np.roll([low, (high[0], low[1]), high, (low[0], high[1])], random.integers(4), axis=0)


def ground(random, largest):
    """Below a horizon: corners at the edges of the picture are 0 and 1, as visibilities are."""
    return [
        (0, random.uniform(1 - largest, 1)),
        random.uniform(1 - largest, 1, 2),
        (1, random.random()),
        (1, 1),
        (0, 1),
    ]


def road(random, largest):
    return [*random.uniform(0.5 - largest / 2, 0.5 + largest / 2, (2, 2)), (1, random.random()), (1, 1), (0, 1)]


def sure_triangles(random, largest):
    """With a confidence of 1 at the end."""
    return [*random.uniform(0.5 - largest / 2, 0.5 + largest / 2, (3, 2)), (1,)]


@pytest.mark.parametrize("shape", [ellipses, rectangles, ground, road, sure_triangles])
@pytest.mark.parametrize("largest", [0.05, 0.3, 0.9])
def test_polygons_are_no_keypoints(shape, largest, tmp_path):
    (tmp_path / "labels").mkdir()
    for name in NAMES:
        save(picture(name), tmp_path / f"images/{name}.jpg")
    for seed in range(30):
        random = np.random.default_rng(seed)
        for name in NAMES:
            rows = [[0, *np.concatenate([*map(np.ravel, shape(random, largest))])] for _ in range(3)]
            text = "\n".join(" ".join(f"{number:g}" for number in row) for row in rows)
            (tmp_path / f"labels/{name}.txt").write_text(text)
        assert not are_keypoints(look(tmp_path))


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "0 0.5", "", "\n\n", "zero"])
def test_odd_text_among_keypoints(text, tmp_path):
    for name in NAMES:
        save(picture(name), tmp_path / f"{name}.jpg")
        (tmp_path / f"{name}.txt").write_text(keypoints(name, (2, 1, 2, 0)))
    (tmp_path / "calibration.txt").write_text("1 2 3 4 5 6 7 8 9 10 11 12")  # belongs to no picture
    assert are_keypoints(look(tmp_path))
    (tmp_path / "s0.txt").write_text(f"0 {text} 0.5 0.5 0.2 0.2\n")
    assert are_keypoints(look(tmp_path)) == (text in ("nan", "inf", "1e999", "zero"))  # such a file is passed over


def test_a_run_folder_is_no_data(tmp_path):
    (tmp_path / "last.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="is a run folder of atrous train, not data; name the folder of pictures"):
        open_data(tmp_path)


def test_a_folder_without_files(tmp_path):
    with pytest.raises(InputError, match="holds no files"):
        open_data(tmp_path)


OTHER_FORMS = {
    "labelme.json": ({"shapes": [], "imagePath": "a.jpg", "imageData": "x"}, "LabelMe without its pictures; put"),
    "via3.json": (
        {"project": {}, "metadata": {}, "view": {}, "file": {}},
        "a project of VIA 3; annotate images with VIA 2",
    ),
    "min.json": ([{"image": "a.jpg", "label": [], "annotator": 1}], "Label Studio's JSON-MIN; export JSON"),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_another_form_of_a_known_tool_is_named(tmp_path, name):
    content, line = OTHER_FORMS[name]
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"1 .json that look like {line}.*then run atrous doctor"):
        open_data(tmp_path)


def test_tracks_of_cvat_are_named(tmp_path):
    (tmp_path / "annotations.xml").write_text('<annotations><track id="0" label="box"></track></annotations>')
    with pytest.raises(InputError, match=r"look like CVAT for video; export as CVAT for images 1\.1 or as COCO"):
        open_data(tmp_path)


def test_the_full_ade20k_is_named(tmp_path):
    folder = tmp_path / "images/ADE/training/urban/street"
    save(Image.new("RGB", (8, 8)), folder / "ADE_train_00016858.jpg")
    save(Image.new("RGB", (8, 8), (10, 5, 1)), folder / "ADE_train_00016858_seg.png")
    (folder / "ADE_train_00016858.json").write_text("{}")
    with pytest.raises(InputError, match=r"is the full ADE20K: .*take the benchmark of 150 classes .atrous download"):
        open_data(tmp_path)


def test_a_coco_file_without_pictures_is_named(tmp_path):
    save(picture(NAMES[0]), tmp_path / "a.jpg")
    (tmp_path / "one.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/one.json lists no picture under images; export it")):
        open_data(tmp_path)
