"""Names and values in files beside masks; a list of objects alone leaves 0 to the background."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data
from fakes.layouts import NAMES, truth, yolo

VALUES = {"road": 1, "car": 2}
OBJECTS = [{"id": value, "name": name} for name, value in VALUES.items()]
RED, BLUE = (255, 46, 0), (0, 46, 255)


def write_set(folder, *, color=False):
    """Four pictures; masks are 0 with a square of 1 and a column of 2."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(4):
        labels = np.zeros((12, 16), np.uint8)
        labels[2:6, 3 + number : 7 + number], labels[:, 14] = 1, 2
        Image.new("RGB", (16, 12), (number, 9, 9)).save(folder / f"images/{number}.png")
        mask = np.array([(0, 0, 0), RED, BLUE], np.uint8)[labels] if color else labels
        Image.fromarray(mask).save(folder / f"masks/{number}.png")


def read_back(folder):
    """Names of the classes, and the labels of the pictures in the order of their reds."""
    data = open_data(folder, split="train")
    for index in range(len(data)):
        sample = data[index]
        number = int(sample.image[0, 0, 0])
        expected = np.zeros((12, 16), np.uint8)
        expected[2:6, 3 + number : 7 + number], expected[:, 14] = 1, 2
        np.testing.assert_array_equal(sample.labels, expected)
    return data.labels.names


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("id2label.json", json.dumps({"1": "road", "2": "car"})),
        ("label_map.json", json.dumps(VALUES)),
        ("class_map.json", json.dumps(VALUES)),
        ("classes.json", json.dumps(OBJECTS)),
        ("classes.csv", "id,name\n1,road\n2,car\n"),
        ("category_id.txt", "1 road\n2 car\n"),
        ("category_id.txt", "0\tbackground\n1\troad\n2\tcar\n"),
        ("our_classes.csv", "class,value\nroad,1\ncar,2\n"),
    ],
)
def test_names_and_values_of_objects(tmp_path, capsys, name, content):
    write_set(tmp_path)
    (tmp_path / name).write_text(content)
    assert read_back(tmp_path) == ("background", "road", "car")
    assert main(["doctor", str(tmp_path)]) == 0
    assert f"classes by {name}: 0 = background, 1 = road, 2 = car" in " ".join(capsys.readouterr().out.split())


def test_colours_in_one_cell(tmp_path):
    write_set(tmp_path, color=True)
    rows = ["class_name,class_color", "__background__,0 0 0", "road,255 46 0", "car,#002eff"]
    (tmp_path / "class_mapping.csv").write_text("\n".join(rows))
    assert read_back(tmp_path) == ("background", "road", "car")


def test_a_list_that_does_not_fit_is_named(tmp_path, capsys):
    """Masks hold 0, 1 and 2, the list 5 and 6."""
    write_set(tmp_path)
    (tmp_path / "id2label.json").write_text(json.dumps({"5": "road", "6": "car"}))
    assert read_back(tmp_path) == ("class 0", "class 1", "class 2")
    main(["doctor", str(tmp_path)])
    assert "the classes of id2label.json are not used" in " ".join(capsys.readouterr().out.split())


def test_yaml_files_may_be_called_after_the_data_set(tmp_path):
    """Settings of a program beside it have names, too, but say nothing of where pictures lie."""
    yolo(tmp_path)
    (tmp_path / "data.yaml").rename(tmp_path / "cats-and-dogs.yaml")
    (tmp_path / "a_settings.yaml").write_text("names: [left, right]\nspeed: 3\n")
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "cat", "dog")
    assert len(data) == len(NAMES)
    for index, name in enumerate(data.names):
        np.testing.assert_array_equal(data[index].labels, truth(Path(name).name))


def test_a_yaml_file_that_names_one_class(tmp_path):
    yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "animals.yaml").write_text("train: images/train\nval: images/val\nnames:\n  0: animal\n")
    for path in (tmp_path / "labels").rglob("*.txt"):
        path.write_text("\n".join("0" + line[1:] for line in path.read_text().splitlines()))
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "animal")
    for index, name in enumerate(data.names):
        np.testing.assert_array_equal(data[index].labels, truth(Path(name).name) > 0)
