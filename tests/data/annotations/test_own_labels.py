"""A user's own labels in every format: the same pixels out of each, and one line about whatever is wrong."""

import json

import numpy as np
import pytest
import scipy.io
from PIL import Image

from atrous.data.complaints import collecting
from atrous.data.dataset import open_data
from atrous.data.formats.matlab import read_mat
from atrous.data.layouts.scanner import contents_of
from atrous.errors import InputError
from fakes.own_labels import (
    CLASSES,
    COLORS,
    FORMATS,
    NAMED,
    NAMES,
    SIZE,
    coco,
    coco_compressed,
    coco_polygons,
    color_png,
    index_png,
    instance_files,
    labelme,
    labels,
    matlab,
    ring,
    spread_png,
    write_coco,
    write_labelme,
)


def samples(folder):
    """Every sample of both splits by name."""
    sets = [open_data(folder, split=split) for split in ("train", "val")]
    return {sample.name: sample for data in sets for sample in (data[index] for index in range(len(data)))}


def problem(folder, *parts):
    """Opening or reading the data is refused, and the one line about it has these parts."""
    with pytest.raises(InputError) as error:
        samples(folder)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message
    return message


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_pixels(tmp_path, name):
    FORMATS[name](tmp_path)
    found = samples(tmp_path)
    assert sorted(found) == list(NAMES)
    for index, key in enumerate(NAMES):
        np.testing.assert_array_equal(found[key].labels, labels(index))
    data = open_data(tmp_path, split="train")
    assert (data.labels.names == CLASSES) == (name not in ("index_png", "palette_png", "matlab"))


@pytest.mark.parametrize("name", NAMED)
def test_names_count_whatever_their_order(tmp_path, name):
    FORMATS[name](tmp_path)
    (tmp_path / "schema.toml").write_text('classes = ["dog", "bird", "background", "cat"]')
    found = samples(tmp_path)
    for index, key in enumerate(NAMES):
        np.testing.assert_array_equal(found[key].labels, np.array([2, 3, 0])[labels(index)])


@pytest.mark.parametrize("name", NAMED)
def test_without_background_only_what_was_drawn_is_known(tmp_path, name):
    FORMATS[name](tmp_path)
    (tmp_path / "schema.toml").write_text('classes = ["cat", "dog"]')
    found = samples(tmp_path)
    for index, key in enumerate(NAMES):
        np.testing.assert_array_equal(found[key].labels, np.array([255, 0, 1])[labels(index)])


@pytest.mark.parametrize("name", NAMED)
def test_a_name_that_is_no_class(tmp_path, name):
    FORMATS[name](tmp_path)
    (tmp_path / "schema.toml").write_text('classes = ["background", "cat", "bird"]')
    problem(tmp_path, "'dog' is not a class", "schema.toml")


def test_formats_may_be_mixed_where_a_schema_names_the_classes(tmp_path):
    index_png(tmp_path)
    (tmp_path / "masks/b.png").unlink()
    write_labelme(tmp_path / "masks/b.json", [{"label": "dog", "points": ring((0, 0, 3, 2))}])
    problem(tmp_path, "names in some masks and numbers in others")
    (tmp_path / "schema.toml").write_text(f"classes = {json.dumps(CLASSES)}")
    found = samples(tmp_path)
    np.testing.assert_array_equal(found["a"].labels, labels(0))
    assert found["b"].labels.sum() == 2 * 6
    assert (found["b"].labels[:2, :3] == 2).all()


# Colours


def test_several_colours_for_a_class_and_one_for_ignore(tmp_path):
    color_png(tmp_path)
    with (tmp_path / "schema.toml").open("a") as schema:
        schema.write('[remap]\n"#FF00ff" = 255\n"#0000fe" = 2\n')
    mask = np.array(Image.open(tmp_path / "masks/a.png"))
    mask[0, :3] = [(255, 0, 255), (0, 0, 254), (10, 0, 0)]
    Image.fromarray(mask).save(tmp_path / "masks/a.png")
    assert samples(tmp_path)["a"].labels[0, :3].tolist() == [255, 2, 0]


def test_stray_colours_are_counted(tmp_path):
    color_png(tmp_path)
    mask = np.array(Image.open(tmp_path / "masks/b.png"))
    mask[0, :3] = (1, 2, 3)
    mask[1, 0] = (200, 100, 255)
    Image.fromarray(mask).save(tmp_path / "masks/b.png")
    problem(tmp_path, "masks/b.png", '"#010203" (3 pixels)', '"#c864ff" (1 pixel)', "colors or [remap]")


def test_colours_without_a_schema(tmp_path):
    color_png(tmp_path)
    (tmp_path / "schema.toml").unlink()
    data = open_data(tmp_path)
    space, found = data.labels, {data[index].name: data[index] for index in range(len(data))}
    assert space.palette == ((0, 0, 30), (0, 200, 0), (10, 0, 0))
    for index, name in enumerate(NAMES):
        colors = np.array(space.palette)[found[name].labels]
        np.testing.assert_array_equal(colors, np.array(COLORS)[labels(index)])


def test_two_classes_of_one_colour(tmp_path):
    color_png(tmp_path)
    colors = "colors = [[10, 0, 0], [0, 200, 0], [0, 200, 0]]"
    (tmp_path / "schema.toml").write_text(f"classes = {json.dumps(CLASSES)}\n{colors}\n")
    problem(tmp_path, "#00c800 stands for two classes")


def test_greys_stored_as_rgb_are_numbers_unless_they_are_colours(tmp_path):
    spread_png(tmp_path)
    for name in NAMES:
        path = tmp_path / f"masks/{name}.png"
        Image.open(path).convert("RGB").save(path)
    found = samples(tmp_path)
    np.testing.assert_array_equal(found["c"].labels, labels(2))
    schema = tmp_path / "schema.toml"
    colors = "colors = [[0, 0, 0], [128, 128, 128], [255, 255, 255]]\n"
    schema.write_text(f"classes = {json.dumps(CLASSES)}\n{colors}")
    np.testing.assert_array_equal(samples(tmp_path)["c"].labels, labels(2))
    colors = "colors = [[255, 255, 255], [0, 0, 0], [128, 128, 128]]\n"
    schema.write_text(f"classes = {json.dumps(CLASSES)}\n{colors}[remap]\n0 = 0\n128 = 1\n255 = 2\n")
    problem(tmp_path, "one thing as colours and another as class ids")


# LabelMe


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ({"points": [[1, 2, 3], [1, 2, 3], [1, 2, 3]]}, "points: expected pairs of numbers"),
        ({"points": [["1", "2"]] * 3}, "points: expected pairs of numbers"),
        ({"points": [[1, 2], [True, 4], [5, 6]]}, "points: expected pairs of numbers"),
        ({"points": [[1, 2], [10**400, 4], [5, 6]]}, "too large"),
        ({"points": [[1, 2], [1e30, 4], [5, 6]]}, "not in any picture"),
        ({"points": None}, "points: expected pairs of numbers"),
        ({"points": {}}, "points: expected pairs of numbers"),
        ({"points": [[1, 2]], "shape_type": "circle"}, "'circle' of 1 points has no inside"),
        ({"points": [[1, 2]], "shape_type": ["x"] * 99}, "has no inside"),
        ({"label": ""}, "label: expected text"),
        ({"label": ["cat"]}, "label: expected text"),
    ],
)
def test_shapes_that_make_no_sense(tmp_path, shape, part):
    labelme(tmp_path)
    (tmp_path / "schema.toml").write_text(f"classes = {json.dumps(CLASSES)}")
    good = {"label": "cat", "points": ring((1, 1, 3, 3))}
    write_labelme(tmp_path / "masks/b.json", [good, good | shape])
    problem(tmp_path, "masks/b.json: shape 1: ", part)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "not valid JSON"),
        ("[]", "an object was expected"),
        ('{"shapes": 1, "imageHeight": 12, "imageWidth": 16}', "shapes: expected a list of objects"),
        ('{"shapes": [1], "imageHeight": 12, "imageWidth": 16}', "shapes: expected a list of objects"),
        ('{"shapes": []}', "imageHeight: expected a whole number, found nothing"),
        ('{"shapes": [], "imageHeight": 1.5, "imageWidth": 16}', "imageHeight: expected a whole number"),
        ('{"shapes": [], "imageHeight": 1e9, "imageWidth": 16}', "no size of a picture"),
        ('{"shapes": [], "imageHeight": 1000000000, "imageWidth": 16}', "no size of a picture"),
        ('{"shapes": [], "imageHeight": -4, "imageWidth": -4}', "no size of a picture"),
        ('{"shapes": [], "imageHeight": 16, "imageWidth": 12}', "is 12 x 16 but"),
        ('{"imageHeight": NaN}', "NaN is not a number"),
        ('{"imageHeight": -Infinity}', "-Infinity is not a number"),
        ('{"shapes": ' + "9" * 9999 + "}", "not valid JSON"),
        ('{"shapes": ' + "[" * 99999, "nested too deeply"),
        (b"\xff\xfe{}", "not valid JSON"),
    ],
)
def test_files_that_are_not_labelmes(tmp_path, content, part):
    labelme(tmp_path)
    (tmp_path / "schema.toml").write_text(f"classes = {json.dumps(CLASSES)}")
    path = tmp_path / "masks/b.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problem(tmp_path, "masks/b.json", part)


def test_older_and_other_writers_of_labelme(tmp_path):
    """No size, no type of shape, labels that are numbers, and a polygon of two points that somebody clicked."""
    labelme(tmp_path)
    path = tmp_path / "masks/b.json"
    square, line = [[0, 0], [8, 0], [8, 4], [0, 4]], [[1, 1], [5, 5]]
    shapes = [{"label": 7, "points": square}, {"label": "dog", "points": line}]
    path.write_text(json.dumps({"shapes": shapes, "imagePath": "b.png"}))
    data = open_data(tmp_path)
    found = next(data[index].labels for index, name in enumerate(data.names) if name == "b")
    expected = np.zeros(SIZE, int)
    expected[:4, :8] = data.labels.names.index("7")
    np.testing.assert_array_equal(found, expected)


def test_labelmes_own_names_for_ignore_and_background(tmp_path):
    labelme(tmp_path)
    shapes = [
        {"label": "cat", "points": ring((0, 0, 9, 9))},
        {"label": "__ignore__", "points": ring((0, 0, 3, 3))},
        {"label": "_background_", "points": ring((3, 3, 5, 5))},
        {"label": "dog", "points": [[7, 7], [7, 8.2]], "shape_type": "circle"},
    ]
    write_labelme(tmp_path / "masks/b.json", shapes)
    found = samples(tmp_path)["b"].labels
    expected = np.zeros(SIZE, np.uint8)
    expected[:9, :9] = 1
    expected[:3, :3] = 255
    expected[3:5, 3:5] = 0
    expected[6:8, 6:8] = 2  # the four centres within 1.2 of (7, 7)
    np.testing.assert_array_equal(found, expected)


# One picture per instance


def test_hashed_names_where_there_is_one_class(tmp_path):
    instance_files(tmp_path)
    for path in (tmp_path / "masks").rglob("*.png"):
        path.rename(path.with_stem(f"5f2c{path.stem}x"))
    (tmp_path / "schema.toml").write_text('classes = ["background", "nucleus"]')
    np.testing.assert_array_equal(samples(tmp_path)["b"].labels, labels(1) > 0)


def test_instances_of_other_sizes_and_doubles(tmp_path):
    instance_files(tmp_path)
    Image.new("L", (3, 3)).save(tmp_path / "masks/b/dog_9.png")
    problem(tmp_path, "masks/b/dog_9.png has another size")
    (tmp_path / "masks/b/dog_9.png").unlink()
    Image.new("L", (16, 12)).save(tmp_path / "masks/b.png")
    problem(tmp_path, "masks/b.png and the folder", "both masks")
    (tmp_path / "masks/b.png").unlink()
    for path in (tmp_path / "masks/b").iterdir():
        path.unlink()
    problem(tmp_path, "no pictures in", "masks/b")


# COCO


def annotation(**changes):
    return {"id": 5, "image_id": 8, "category_id": 17, "segmentation": coco_polygons((1, 1, 5, 5)), **changes}


def test_crowds_are_ignored_and_small_things_lie_on_large_ones(tmp_path):
    coco(tmp_path)
    annotations = [
        annotation(id=1, category_id=3, segmentation=coco_polygons((3, 3, 6, 6))),
        annotation(id=2, segmentation=coco_polygons((0, 0, 9, 9))),
        annotation(id=3, iscrowd=1, segmentation=coco_compressed((0, 8, 12, 11))),
    ]
    write_coco(tmp_path / "annotations.json", annotations)
    found = samples(tmp_path)
    expected = np.zeros(SIZE, np.uint8)
    expected[8:11, :12] = 255
    expected[:9, :9] = 1
    expected[3:6, 3:6] = 2
    np.testing.assert_array_equal(found["b"].labels, expected)
    assert not found["a"].labels.any()  # listed without annotations: all background


LICENCE_OF_DATUMARO = {"licenses": [{"name": "", "id": 0, "url": ""}]}


@pytest.mark.parametrize(
    ("polygons", "crowds", "more", "masks"),
    [(1, 1, {}, False), (1, 2, {}, True), (2, 3, {}, True), (9, 1, LICENCE_OF_DATUMARO, True), (9, 1, {}, False)],
)
def test_masks_that_a_tool_marks_as_crowds_count_as_their_class(tmp_path, polygons, crowds, more, masks):
    """As CVAT and Datumaro write them: `iscrowd` is 1 for every mask that was painted. Both ways are told."""
    coco(tmp_path)
    annotations = [annotation(id=number, segmentation=coco_polygons((0, 0, 4, 4))) for number in range(polygons)]
    annotations += [
        annotation(id=99 + number, category_id=3, iscrowd=1, segmentation=coco_compressed((0, 8, 12, 11)))
        for number in range(crowds)
    ]
    write_coco(tmp_path / "annotations.json", annotations, **more)
    with collecting() as complaints:
        found = samples(tmp_path)
    assert set(found["b"].labels[8:11, :12].ravel()) == {2 if masks else 255}
    assert any(f"{crowds} of {crowds + polygons} annotations" in complaint.line for complaint in complaints)


def test_a_hole_by_run_lengths(tmp_path):
    coco(tmp_path)
    ids = np.zeros(SIZE, bool)
    ids[2:9, 2:9], ids[4:6, 4:6] = True, False
    flat = ids.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    write_coco(
        tmp_path / "annotations.json",
        [annotation(segmentation={"counts": counts, "size": list(SIZE)}), annotation(image_id=7, category_id=3)],
    )
    np.testing.assert_array_equal(samples(tmp_path)["b"].labels, ids)


@pytest.mark.parametrize(
    ("segmentation", "part"),
    [
        ([[1, 2, 3, 4, 5]], "expected pairs of numbers"),
        ([[1, 2, "3", 4, 5, 6]], "expected pairs of numbers"),
        ([[[[1]]]], "expected pairs of numbers"),
        ({"counts": [1, 2, 3], "size": [12, 16]}, "do not add up to 16 x 12"),
        ({"counts": [192], "size": [16, 12]}, "run lengths for a picture of [16, 12]"),
        ({"counts": [-1, 193], "size": [12, 16]}, "larger than the picture"),
        ({"counts": [10**30], "size": [12, 16]}, "larger than the picture"),
        ({"counts": [-92, 192, 92], "size": [12, 16]}, "do not add up"),
        ({"counts": [1.5], "size": [12, 16]}, "neither polygons nor run lengths"),
        ({"counts": "\x01", "size": [12, 16]}, "not COCO's compressed string"),
        ({"counts": "P", "size": [12, 16]}, "end within a number"),
        ({"counts": "o" * 50, "size": [12, 16]}, "not COCO's compressed string"),
        ({"counts": "1", "size": 192}, "neither polygons nor run lengths"),
        ("text", "neither polygons nor run lengths"),
    ],
)
def test_segmentations_that_make_no_sense(tmp_path, segmentation, part):
    coco(tmp_path)
    write_coco(tmp_path / "annotations.json", [annotation(), annotation(id=9, segmentation=segmentation)])
    problem(tmp_path, "annotations.json: annotation 9 (b): ", part)


OTHER_FORMS = {
    "one flat polygon": annotation(id=5, segmentation=[0, 0, 8, 0, 8, 4, 0, 4]),
    "a line beside a polygon": annotation(id=5, segmentation=[[1, 1, 2, 2], [0, 0, 8, 0, 8, 4, 0, 4]]),
    "pairs of numbers": annotation(id=5, segmentation=[[[0, 0], [8, 0], [8, 4], [0, 4]]]),
    "an id in words and an area in text": annotation(id="a-5", area="32", segmentation=[[0, 0, 8, 0, 8, 4, 0, 4]]),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_other_forms_of_an_annotation(tmp_path, name):
    coco(tmp_path)
    write_coco(tmp_path / "annotations.json", [OTHER_FORMS[name]])
    expected = np.zeros(SIZE, int)
    expected[:4, :8] = 1
    np.testing.assert_array_equal(samples(tmp_path)["b"].labels > 0, expected > 0)


@pytest.mark.parametrize("segmentation", [[], None, {}, [[1, 2, 3, 4]], [[]]])
def test_annotations_without_an_outline_are_left_out_and_remarked(tmp_path, segmentation):
    coco(tmp_path)
    write_coco(tmp_path / "annotations.json", [annotation(), annotation(id=9, segmentation=segmentation)])
    with collecting() as found:
        contents_of(tmp_path)
    data = open_data(tmp_path)
    lines = [complaint.line for complaint in found if complaint.remark]
    assert any(
        "left out: 1 annotations without an outline (boxes, points or lines), such as 9" in line for line in lines
    )
    write_coco(tmp_path / "annotations.json", [annotation()])
    for index, name in enumerate(data.names):
        np.testing.assert_array_equal(data[index].labels, samples(tmp_path)[name].labels)
    write_coco(tmp_path / "annotations.json", [annotation(segmentation=segmentation)])
    problem(tmp_path, "no annotation has an outline")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"annotations": {}}, "annotations: expected a list of objects"),
        ({"categories": None}, "categories: expected a list of objects"),
        ({"annotations": [annotation(category_id=4)]}, "annotation 5: no category has the id 4"),
        ({"annotations": [annotation(image_id=99)]}, "annotations of image 99"),
        ({"annotations": [annotation(image_id="eight")]}, "image_id: expected a whole number, found 'eight'"),
        ({"categories": [{"id": 17, "name": 5}]}, "name: expected text, found 5"),
        ({"images": [{"id": 7, "file_name": "../", "height": 12, "width": 16}]}, "not a file below"),
        ({"images": [{"id": 7, "file_name": "/", "height": 12, "width": 16}]}, "not a file below"),
        ({"images": [{"id": 7, "file_name": "a.png", "height": 12}]}, "width: expected a whole number"),
        ({"images": [{"id": 7, "file_name": "a.png", "height": 10**6, "width": 10**6}]}, "no size of a picture"),
        ({"images": [{"id": 7, "file_name": "d.png", "height": 12, "width": 16}]}, "no mask for images/a.png"),
        ({"images": []}, "no mask for images/a.png"),
    ],
)
def test_annotation_files_that_make_no_sense(tmp_path, changes, part):
    coco(tmp_path)
    annotations = [] if "images" in changes else [annotation()]
    write_coco(tmp_path / "annotations.json", annotations, **changes)
    problem(tmp_path, part)


def test_annotations_of_pictures_that_are_not_there(tmp_path):
    coco(tmp_path)
    (tmp_path / "images/b.png").unlink()
    problem(tmp_path, "no image for annotations.json (b)")


def test_annotations_and_masks_at_once(tmp_path):
    coco(tmp_path)
    (tmp_path / "masks").mkdir()
    problem(tmp_path, "both masks and annotations.json")


def test_nothing_drawn_at_all(tmp_path):
    coco(tmp_path)
    write_coco(tmp_path / "annotations.json", [])
    problem(tmp_path, "name no class", "draw some shapes")


# MATLAB


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"a": np.zeros((3, 3)), "b": np.ones((3, 3))}, "holds a (double), b (double)"),
        ({"a": "text"}, "holds a (char)"),
        ({}, "holds nothing"),
        ({"a": np.array([[{}, {}], [{}, {}]], object)}, "holds a (cell)"),
        ({"a": {"b": 1}}, "holds a (struct)"),
        ({"a": np.zeros((2, 3, 4))}, "holds an array of 2 x 3 x 4"),
        ({"a": np.array([[0, 1.5], [0, 1]])}, "outside the integers"),
        ({"a": np.array([[0, np.nan], [0, 1]])}, "outside the integers"),
        ({"a": np.array([[0, np.inf], [0, 1]])}, "outside the integers"),
        ({"a": np.array([[0, -1], [0, 1]])}, "outside the integers"),
        ({"a": np.array([[0, 70000], [0, 1]])}, "outside the integers"),
        ({"a": np.array([[0, 1j], [0, 1]])}, "holds no matrix of numbers"),
    ],
)
def test_matlab_files_that_hold_other_things(tmp_path, content, part):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, content)
    with pytest.raises(InputError) as error:
        read_mat(path)
    assert str(error.value).startswith(str(path))
    assert part in str(error.value)


@pytest.mark.parametrize(
    "values", [np.array([[0, 300], [65535, 1]], np.uint16), np.array([[True, False], [False, True]])]
)
def test_matlab_matrices_of_other_types(tmp_path, values):
    scipy.io.savemat(tmp_path / "a.mat", {"a": values})
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat"), values)


def test_matlab_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(500))
    with pytest.raises(InputError, match=r"a\.mat is a MATLAB 7\.3 file .* '-v7'"):
        read_mat(path)
    for content in (
        b"",
        b"nothing of the kind",
        bytes(200),
        b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f" * 99,
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.mat") as error:
            read_mat(path)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="cannot read"):
        read_mat(tmp_path / "gone.mat")


def test_a_matrix_larger_than_any_picture_is_not_loaded(tmp_path):
    """Its header says 2^20 x 2^20; the file is 200 bytes."""
    scipy.io.savemat(tmp_path / "a.mat", {"a": np.zeros((3, 5), np.uint8)})
    content = bytearray((tmp_path / "a.mat").read_bytes())
    place = content.index(np.array([3, 5], np.int32).tobytes())
    content[place : place + 8] = np.array([2**20, 2**20], np.int32).tobytes()
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"a matrix of size \(1048576, 1048576\)"):
        read_mat(tmp_path / "a.mat")


def test_without_scipy_matlab_files_name_the_remedy(tmp_path, monkeypatch):
    matlab(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    problem(tmp_path, "needs scipy", "pip install 'atrous[mat]'")
