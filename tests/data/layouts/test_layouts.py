"""Every layout gives the same class ids, splits and names; and nothing is left out in silence."""

import json
import re
import shutil

import numpy as np
import pytest

from atrous.data.complaints import collecting
from atrous.data.dataset import open_data, open_splits
from atrous.data.doctor import diagnose
from atrous.data.layouts.scanner import contents_of
from atrous.errors import InputError
from fakes import layouts
from fakes.layouts import CLASSES, COLORS, LAYOUTS, NAMES, TRAIN, VAL, truth
from fakes.published import save
from fakes.tool_exports import EXPORTS, darwin, labelme_folders, labelme_xml, panoptic


def original(name):
    """The picture of the set that a sample's name contains."""
    return next(known for known in NAMES if known in name)


def assert_truth(data, *, named):
    """Every picture has the class ids of the truth, by name or by colour where classes are in another order."""
    assert sorted(map(original, data.names)) == [*NAMES]
    by_color = {color: label for label, color in enumerate(COLORS)}
    order = [*range(3)]
    if named:
        order = [data.labels.names.index(name) for name in CLASSES]
    elif set(data.labels.palette) == set(COLORS):
        order = [data.labels.palette.index(color) for color in by_color]
    for index in range(len(data)):
        sample = data[index]
        np.testing.assert_array_equal(sample.labels, np.array(order)[truth(original(sample.name))])


@pytest.mark.parametrize("name", [*LAYOUTS, *EXPORTS])
def test_labels_splits_and_names(tmp_path, name):
    write, named, split = (LAYOUTS | EXPORTS)[name]
    write(tmp_path)
    assert_truth(open_data(tmp_path), named=named)
    parts = open_splits(tmp_path)
    assert set(parts) == {"train", "val"}
    names = {part: sorted(map(original, data.names)) for part, data in parts.items()}
    assert sorted(names["train"] + names["val"]) == [*NAMES]
    if split:
        assert names == {"train": [*TRAIN], "val": [*VAL]}
    else:
        assert len(names["val"]) == 1


def test_segments_of_panoptic_pictures(tmp_path):
    panoptic(tmp_path)
    parts = open_splits(tmp_path)
    assert {part: sorted(data.names) for part, data in parts.items()} == {"train": [*TRAIN], "val": [*VAL]}
    for data in parts.values():
        assert data.labels.names == ("cat", "dog")
        for index, name in enumerate(data.names):
            np.testing.assert_array_equal(data[index].labels, np.array([255, 0, 1])[truth(name)])


def test_folders_of_labelme_say_whose_numbers_have_no_name(tmp_path):
    labelme_folders(tmp_path)
    with collecting() as complaints:
        open_data(tmp_path)
    lines = [complaint.line for complaint in complaints]
    assert any("these lists differ: classes go by names" in line for line in lines)
    (tmp_path / "s1_json/label_names.txt").write_text("_background_\ncat\n")
    data = open_data(tmp_path)
    with pytest.raises(InputError, match=r"s1_json/label.png has number 2, but 2 names are listed beside it"):
        data[[original(name) for name in data.names].index("s1")]
    (tmp_path / "s1_json/img.png").unlink()
    with pytest.raises(InputError, match=r"no image for .*s1_json/label.png; put it beside as img.png"):
        open_data(tmp_path)
    save(layouts.picture("s1"), tmp_path / "pictures/s1.png")
    (tmp_path / "s1_json/label_names.txt").write_text("_background_\ncat\ndog\n")
    assert_truth(open_data(tmp_path), named=True)


def test_files_of_labelme_count_where_only_some_became_folders(tmp_path):
    layouts.labelme_beside(tmp_path)
    labelme_folders(tmp_path / "converted")
    for name in NAMES[2:]:
        shutil.rmtree(tmp_path / f"converted/{name}_json")
    data = open_data(tmp_path)
    assert_truth(data, named=True)
    assert {pair.mask.suffix for pair in data.pairs} == {".json"}


def test_brush_pictures_pair_by_order_or_say_so(tmp_path):
    layouts.brush_pictures(tmp_path)
    with pytest.raises(InputError, match=r"tell tasks, not pictures.*--pair-by-order"):
        open_data(tmp_path)
    assert_truth(open_data(tmp_path, pair_by_order=True), named=True)
    diagnosis = diagnose(tmp_path, pair_by_order=True)
    assert diagnosis.errors == ()
    assert sum(total.counts for total in diagnosis.totals.values()).tolist() == [
        sum(int((truth(name) == label).sum()) for name in NAMES) for label in range(3)
    ]


def test_polygons_of_a_town_ignore_the_rest(tmp_path):
    layouts.city_polygons(tmp_path)
    data = open_data(tmp_path)
    assert data.labels.names == ("cat", "dog", "ground")
    for index in range(len(data)):
        expected = np.array([2, 0, 1])[truth(NAMES[index])]
        np.testing.assert_array_equal(data[index].labels, expected)


def test_what_is_left_out_is_remarked(tmp_path):
    layouts.labelme2voc(tmp_path)
    for name in ("Thumbs.db", ".DS_Store", "notes.txt"):
        (tmp_path / name).touch()
    with collecting() as complaints:
        contents_of(tmp_path)
    lines = [complaint.line for complaint in complaints]
    assert all(complaint.remark for complaint in complaints)
    assert any("2 files of the system or hidden (.DS_Store, Thumbs.db)" in line for line in lines)
    assert any("13 files that no sample uses" in line and "SegmentationClassNpy" in line for line in lines)
    assert any("files pair by name without suffix" in line for line in lines)


def test_an_empty_text_file_is_no_label_of_a_missing_image(tmp_path):
    layouts.yolo(tmp_path)
    (tmp_path / "notes.txt").touch()
    assert_truth(open_data(tmp_path), named=True)
    (tmp_path / "labels/train/other.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5")
    with pytest.raises(InputError, match=r"no image for 1 text files of labels \(labels/train/other.txt\)"):
        open_data(tmp_path)


def test_pictures_of_yolo_without_a_text_file_are_background_of_their_split(tmp_path):
    layouts.yolo(tmp_path)
    (tmp_path / "labels/train/s1.txt").unlink()
    (tmp_path / "labels/val/s5.txt").unlink()
    with collecting() as complaints:
        opened = open_splits(tmp_path)
    assert any("2 pictures without a text file are background" in complaint.line for complaint in complaints)
    for split, name, known in (("train", "s1", TRAIN), ("val", "s5", VAL)):
        names = [next(one for one in known if one in sample) for sample in opened[split].names]
        assert sorted(names) == [*known]
        for index, one in enumerate(names):
            expected = np.zeros_like(truth(one)) if one == name else truth(one)
            np.testing.assert_array_equal(opened[split][index].labels, expected)


def test_triangles_are_polygons_of_yolo(tmp_path):
    layouts.yolo(tmp_path)
    for path in sorted((tmp_path / "labels").rglob("*.txt")):
        path.write_text("0 0.0 0.0 0.5 0.0 0.0 0.5\n")
    sample = open_data(tmp_path)[0]
    height, width = sample.labels.shape
    assert sample.labels[0, 0] == sample.labels[height // 2 - 2, 0] == 1  # inside, at two corners
    assert sample.labels[height // 2, width // 2] == 0


@pytest.mark.parametrize(
    "names",
    [
        {"data.yaml": "names:\n  0: cat\n  5: dog\n"},
        {"data.yaml": "names: [cat, a, b, c, d, dog]\n"},
        {"classes.txt": "cat\na\nb\nc\nd\ndog\n"},
    ],
)
def test_numbers_of_yolo_are_those_of_its_names(names, tmp_path):
    layouts.yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    for path in (tmp_path / "labels").rglob("*.txt"):
        path.write_text(re.sub("(?m)^1 ", "5 ", path.read_text()))
    for name, text in names.items():
        (tmp_path / name).write_text(text)
    assert_truth(open_data(tmp_path), named=True)


@pytest.mark.parametrize(
    "stated", [{"item": {"slots": [{"height": 30, "width": 40}]}}, {"image": {"height": 30, "width": 40}}]
)
def test_outlines_for_pictures_of_another_size_are_refused(stated, tmp_path):
    """V7 Darwin, version 2 and version 1."""
    darwin(tmp_path)
    path = tmp_path / "annotations/s2.json"
    content = json.loads(path.read_text())
    name = content.pop("item")["name"]
    ((kind, sizes),) = stated.items()
    path.write_text(json.dumps({**content, kind: {**sizes, "name": name, "filename": name}}))
    data = open_data(tmp_path)
    with pytest.raises(InputError, match="40 x 30"):
        data[data.names.index("s2")]


def test_a_scribble_without_its_outline_is_an_error(tmp_path):
    labelme_xml(tmp_path)
    path = tmp_path / "Annotations/street/s2.xml"
    path.write_text(path.read_text().replace("<object>", "<object><segm><mask>a.png</mask></segm>", 1))
    with pytest.raises(InputError, match=r"s2.xml.*painted as a scribble"):
        open_data(tmp_path)


def test_shapes_without_an_inside_are_left_out_by_name(tmp_path):
    layouts.labelme_beside(tmp_path)
    with collecting() as complaints:
        contents_of(tmp_path)
    assert any("left out: 6 x line" in complaint.line for complaint in complaints)


def test_shapes_that_are_left_out_are_counted(tmp_path):
    layouts.via(tmp_path)
    path = tmp_path / "via_project.json"
    content = json.loads(path.read_text())
    regions = content["_via_img_metadata"]["s1.jpg1234"]["regions"]
    regions += [
        {"shape_attributes": {"name": "point", "cx": 3, "cy": place}, "region_attributes": {}} for place in (4, 5)
    ]
    path.write_text(json.dumps(content))
    with collecting() as complaints:
        contents_of(tmp_path)
    assert any("left out: 2 x point" in complaint.line for complaint in complaints)


_WITH_MORE = {"Roboflow masks", "CVAT masks", "labelme2voc", "LabelMe folders", "run lengths"}
"""Layouts with files that no sample needs: lists of classes, drawings, masks of another kind, an empty submission."""


@pytest.mark.parametrize("name", [*LAYOUTS, *EXPORTS])
def test_files_that_were_read_are_not_said_to_be_left_out(tmp_path, name):
    (LAYOUTS | EXPORTS)[name][0](tmp_path)
    with collecting() as complaints:
        contents_of(tmp_path)
    assert any("that no sample uses" in complaint.line for complaint in complaints) == (name in _WITH_MORE)


def test_a_word_inside_the_names_of_all_masks_tells_no_other_picture(tmp_path):
    """Names without numbers, of several words: only the one that all masks have is left out."""
    shown = dict(
        zip(NAMES, ("oak_hill_dawn", "oak_dawn", "elm_hill_dusk", "elm_dusk", "fir_noon", "yew_noon"), strict=True)
    )
    layouts.in_folders("images/{name}.jpg", "labels/{name}.png")(tmp_path)
    for name, words in shown.items():
        (tmp_path / f"images/{name}.jpg").rename(tmp_path / f"images/{words}.jpg")
        first, _, last = words.rpartition("_")
        (tmp_path / f"labels/{name}.png").rename(tmp_path / f"labels/{first}_lane_{last}.png")
    data = open_data(tmp_path)
    known = {words: name for name, words in shown.items()}
    assert sorted(data.names) == sorted(known)
    for index, name in enumerate(data.names):
        np.testing.assert_array_equal(data[index].labels, truth(known[name]))


@pytest.mark.parametrize(("names", "taken"), [(("ground", "cat", "dog"), True), (("ground", "cat", "cat"), False)])
def test_a_list_that_gives_two_classes_one_name_is_left_out(names, taken, tmp_path):
    layouts.in_folders("images/{name}.jpg", "labels/{name}.png")(tmp_path)
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    (tmp_path / "label_descriptions.json").write_text(json.dumps({"categories": categories}))
    with collecting() as complaints:
        found = open_data(tmp_path).labels.names
    told = any("label_descriptions.json" in one.line and "no sample uses" in one.line for one in complaints)
    assert (found == names, told) == (taken, not taken)


def test_two_kinds_of_masks_are_a_choice_of_the_user(tmp_path):
    for place in ("labels", "targets"):
        layouts.in_folders("images/{name}.jpg", f"{place}/{{name}}.png")(tmp_path)
    with pytest.raises(InputError, match=r"two masks for every picture.*labels/s0.png, targets/s0.png"):
        open_data(tmp_path)
    text = '[layout]\nimages = "images/{name}.jpg"\nmasks = "targets/{name}.png"\nval = "images/s5*"\n'
    (tmp_path / "schema.toml").write_text(text)
    assert_truth(open_data(tmp_path), named=False)
    assert open_splits(tmp_path)["val"].names == ["s5"]


@pytest.mark.parametrize(
    ("image", "mask", "lists"),
    [
        ("Set/{split}/Image/{name}.jpg", "Set/{split}/GT/{name}.png", False),
        ("Image/{split}/{name}.jpg", "GT/{split}/{name}.png", False),
        ("Image/{name}.jpg", "GT/{name}.png", True),
    ],
)
def test_folders_and_lists_tell_the_splits_of_a_written_layout(image, mask, lists, tmp_path):
    layouts.in_folders(image, mask, splits={"train": "Train", "val": "Test"})(tmp_path)
    layouts.in_folders(image, mask.replace("GT", "Edge"), splits={"train": "Train", "val": "Test"})(tmp_path)
    if lists:
        (tmp_path / "test.txt").write_text("".join(f"{name}.jpg\n" for name in layouts.VAL))
    patterns = [text.replace("{split}", "{folder}").replace("Set/", "") for text in (image, mask)]
    patterns = [f"Set/{text}" if image.startswith("Set") else text for text in patterns]
    text = f'[layout]\nimages = "{patterns[0]}"\nmasks = "{patterns[1]}"\n'
    (tmp_path / "schema.toml").write_text(text)
    parts = open_splits(tmp_path)
    assert {name.rpartition("/")[2] for name in parts["test"].names} == {*layouts.VAL}
    assert sum(len(data) for split, data in parts.items() if split != "test") == len(layouts.TRAIN)
    (tmp_path / "schema.toml").write_text(f'{text}val = "*s0.jpg"\n')
    parts = open_splits(tmp_path)
    assert {split: len(data) for split, data in parts.items()} == {"train": 5, "val": 1}


def test_a_second_mask_can_limit_the_first(tmp_path):
    layouts.in_folders("{name}_training.jpg", "manual/{name}_manual1.png")(tmp_path)
    field = np.zeros(layouts.SIZE, np.uint8)
    field[2:10, 2:14] = 255
    for name in NAMES:
        save(layouts.Image.fromarray(field), tmp_path / f"view/{name}_training_mask.gif")
    text = '[layout]\nimages = "{name}_training.jpg"\nmasks = "manual/{name}_manual1.png"\n'
    (tmp_path / "schema.toml").write_text(f'{text}ignore = "view/{{name}}_training_mask.gif"\n')
    data = open_data(tmp_path)
    for index, name in enumerate(data.names):
        np.testing.assert_array_equal(data[index].labels, np.where(field == 0, 255, truth(name)))
