"""Files and folders that the system does not let us look at: one line, whatever layout named them."""

import json

import pytest

from atrous.data.dataset import open_data
from atrous.data.doctor import diagnose
from atrous.errors import InputError
from fakes.camvid import fake_camvid
from fakes.folder import fake_folder
from fakes.published import fake_coco, fake_voc

LONG = "x" * 300
"""No file system in use has names of more than 255 bytes."""


def camvid(folder, name):
    fake_camvid(folder)
    (folder / "train.txt").write_text(f"train/{name}.png trainannot/{name}.png")
    return folder / f"train/{name}.png"


def voc(folder, name):
    fake_voc(folder)
    root = folder / "VOCdevkit/VOC2012"
    (root / "ImageSets/Segmentation/train.txt").write_text(name)
    return root / f"JPEGImages/{name}.jpg"


def coco(folder, name):
    fake_coco(folder)
    path = folder / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    content["images"][0]["file_name"] = f"{name}.jpg"
    path.write_text(json.dumps(content))
    return folder / f"train2017/{name}.jpg"


@pytest.mark.parametrize("listed", [camvid, voc, coco])
def test_a_name_that_no_file_can_have(tmp_path, listed):
    path = listed(tmp_path, LONG)
    line = f"cannot read {path}: File name too long; check the name and the access rights"
    with pytest.raises(InputError) as error:
        open_data(tmp_path, split="train")
    assert str(error.value) == line
    assert line in [finding.line for finding in diagnose(tmp_path, splits=["train"]).errors]


def test_of_a_name_beyond_reason_the_beginning_is_told(tmp_path):
    path = camvid(tmp_path, "x" * 100_000)
    with pytest.raises(InputError) as error:
        open_data(tmp_path, split="train")
    assert str(error.value) == f"cannot read {path!s:.500}: File name too long; check the name and the access rights"


def test_a_data_folder_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match=rf"cannot read {tmp_path / LONG}.*: File name too long; check the name"):
        open_data(tmp_path / LONG, split="train")


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    def forbidden(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    fake_folder(tmp_path / "train")
    monkeypatch.setattr("pathlib.Path.iterdir", forbidden)
    line = f"cannot read {tmp_path}: Permission denied; check the name and the access rights"
    with pytest.raises(InputError) as error:
        open_data(tmp_path, split="train")
    assert str(error.value) == line
    assert line in [finding.line for finding in diagnose(tmp_path).errors]


def test_a_misspelled_folder_is_answered_by_the_one_beside_it(tmp_path):
    fake_folder(tmp_path / "street")
    found = f"did you mean '{tmp_path / 'street'}'?"
    for name, hint in (("stret", found), ("lakes", "check the name"), ("absent/street", "check the name")):
        with pytest.raises(InputError) as error:
            open_data(tmp_path / name, split="train")
        assert str(error.value) == f"no data folder {tmp_path / name}; {hint}"
