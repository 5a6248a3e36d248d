"""What Label Studio 1.23 writes: names of uploads, brushes of any name, tasks with none or several annotations."""

import json

import numpy as np
import pytest
from PIL import Image

from atrous.data.complaints import collecting
from atrous.data.dataset import open_data
from atrous.data.layouts.scanner import contents_of
from atrous.errors import InputError
from fakes import layouts
from fakes.layouts import CLASSES, NAMES, SIZE, truth
from fakes.published import save

WORDS = dict(zip(NAMES, ("alder", "birch", "cedar", "dune", "elder", "fir"), strict=True))
"""Names without numbers, so that no rule about numbers can pair files."""


def assert_truth(data, names):
    found = {name: data[index].labels for index, name in enumerate(data.names)}
    order = np.array([data.labels.names.index(label) for label in CLASSES])
    assert sorted(found) == sorted(names)
    for name, known in names.items():
        np.testing.assert_array_equal(found[name], order[truth(known)])


def lines(folder):
    with collecting() as complaints:
        contents_of(folder)
    return [complaint.line for complaint in complaints]


@pytest.mark.parametrize("write", [layouts.yolo, layouts.coco_anywhere])
def test_labels_of_uploads_find_the_pictures_of_before(write, tmp_path):
    write(tmp_path)
    for path in [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("s*.txt")]:
        prefix = "84c1f46c-" if path.suffix == ".txt" else ""
        path.rename(path.with_stem(prefix + WORDS[path.stem]))
    for path in tmp_path.rglob("result.json"):
        text = path.read_text()
        for name, word in WORDS.items():
            text = text.replace(f"{name}.jpg", f"0f3a99cd-{word}.jpg")
        path.write_text(text)
    data = open_data(tmp_path)
    names = {name: known for known, word in WORDS.items() for name in data.names if name.endswith(word)}
    assert_truth(data, names)


@pytest.mark.parametrize("middle", ["by-1-brush", "by-anna@example.org-mask", "by--tag"])
def test_brushes_have_any_name_and_the_first_annotation_counts(middle, tmp_path):
    layouts.brush_pictures(tmp_path)
    for path in [*tmp_path.glob("masks/*.png")]:
        renamed = path.rename(path.with_name(path.name.replace("by-1-tag", middle)))
        later = renamed.name.replace("-annotation-", "-annotation-9")
        save(Image.fromarray(np.full(SIZE, 255, np.uint8)), renamed.with_name(later))
    with pytest.raises(InputError, match=r"tell tasks, not pictures.*--pair-by-order"):
        open_data(tmp_path)
    assert_truth(open_data(tmp_path, pair_by_order=True), {name: name for name in NAMES})


def test_what_nobody_has_annotated_is_no_picture_without_objects(tmp_path):
    layouts.label_studio(tmp_path)
    path = tmp_path / "project-1.json"
    tasks = json.loads(path.read_text())
    tasks[0]["annotations"] = []
    tasks[0]["predictions"] = [{"result": tasks[1]["annotations"][0]["result"]}]
    tasks[1]["annotations"][0]["was_cancelled"] = True
    tasks[2]["annotations"].insert(0, {"id": 99, "result": []})
    tasks[2]["annotations"][1]["ground_truth"] = True
    path.write_text(json.dumps(tasks))
    assert_truth(open_data(tmp_path), {name: name for name in NAMES[2:]})
    assert any("left out: 2 tasks without an annotation, or skipped" in line for line in lines(tmp_path))
    assert any("1 tasks have several annotations" in line for line in lines(tmp_path))
    path.write_text(json.dumps([{**task, "annotations": []} for task in tasks]))
    with pytest.raises(InputError, match=r"project-1.json: no task has an annotation; submit some"):
        open_data(tmp_path)


def renamed(folder, *, images, labels):
    """YOLO's files with words before the names of pictures and of text files."""
    layouts.yolo(folder)
    for path in [*folder.rglob("*.jpg"), *folder.rglob("s*.txt")]:
        words = images if path.suffix == ".jpg" else labels
        path.rename(path.with_stem(words[NAMES.index(path.stem)] + WORDS[path.stem]))


def test_dates_before_names_are_no_uploads(tmp_path):
    """Eight digits and a dash may be a date: the labels of another day belong to another picture."""
    days = [f"2021041{number}-" for number in range(len(NAMES))]
    renamed(tmp_path / "plain", images=[""] * len(NAMES), labels=days)
    renamed(tmp_path / "apart", images=days, labels=["20220101-", *days[1:]])
    for folder in ("plain", "apart"):
        with pytest.raises(InputError, match=r"no image for [14] text files of labels"):
            open_data(tmp_path / folder)
    layouts.coco_anywhere(tmp_path / "coco")
    path = tmp_path / "coco/export/result.json"
    text = path.read_text()
    for day, name in zip(days, NAMES, strict=True):
        text = text.replace(f"{name}.jpg", f"{day}{name}.jpg")
    path.write_text(text)
    with pytest.raises(InputError, match=r"6 pictures of export/result.json are missing"):
        open_data(tmp_path / "coco")


def test_two_uploads_of_one_name_are_not_one_picture(tmp_path):
    layouts.coco_anywhere(tmp_path)
    path = tmp_path / "export/result.json"
    path.write_text(path.read_text().replace("s1.jpg", "84c1f46c-s0.jpg").replace("s2.jpg", "94c1f46c-s3.jpg"))
    (tmp_path / "shots/deep/s3.jpg").rename(tmp_path / "shots/deep/other.jpg")
    with pytest.raises(InputError, match=r"3 pictures of export/result.json are missing"):
        open_data(tmp_path)
    path.write_text(path.read_text().replace("s4.jpg", "00000000-" * 1200 + "a.jpg"))
    with pytest.raises(InputError, match="are missing"):
        open_data(tmp_path)


def test_a_dash_in_the_name_of_a_brush_is_told(tmp_path):
    layouts.brush_pictures(tmp_path)
    for path in tmp_path.glob("masks/*.png"):
        path.rename(path.with_name(path.name.replace("tag-", "tag-of-")))
    with collecting() as complaints:
        contents_of(tmp_path, pair_by_order=True)
    assert any("is read as label 'of-" in complaint.line for complaint in complaints)


def test_rectangles_without_a_turn_are_their_corners(tmp_path):
    layouts.label_studio(tmp_path)
    path = tmp_path / "project-1.json"
    tasks = json.loads(path.read_text())
    for task in tasks:
        for result in task["annotations"][0]["result"]:
            if points := result["value"].pop("points", None):
                (left, top), (right, bottom) = points[0], points[2]
                result["value"] |= {"x": left, "y": top, "width": right - left, "height": bottom - top}
                result["value"] |= {"rectanglelabels": result["value"].pop("polygonlabels")}
    path.write_text(json.dumps(tasks))
    assert_truth(open_data(tmp_path), {name: name for name in NAMES})
