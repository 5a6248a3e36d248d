"""Files for the evaluation servers, read back as the servers' own programs read them."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.errors import InputError
from atrous.inference.result import Result
from atrous.inference.submission import CITYSCAPES_SERVER, VOC_SERVER
from atrous.labels import PASCAL_VOC, LabelSpace
from fakes.published import CITYSCAPES_IDS


def result(classes):
    labels = np.arange(classes, dtype=np.uint8).repeat(4).reshape(classes, 4)
    image = np.zeros((*labels.shape, 3), np.uint8)
    return Result(labels=labels, image=image, space=LabelSpace.unnamed(classes))


def test_voc_files_are_indexed_with_the_devkits_colours(tmp_path):
    (files,) = VOC_SERVER.plan([Path("JPEGImages/2008_000006.jpg")], out=tmp_path)
    assert files.labels == tmp_path / "results/VOC2012/Segmentation/comp6_test_cls/2008_000006.png"
    VOC_SERVER.save(result(21), files.labels)
    with Image.open(files.labels) as picture:
        assert (picture.mode, picture.size) == ("P", (4, 21))
        values, palette = np.array(picture), np.array(picture.getpalette()).reshape(-1, 3)
    np.testing.assert_array_equal(values, result(21).labels)
    assert palette.shape == (256, 3)
    # Of the devkit: aeroplane, cat, person, tvmonitor, void.
    assert palette[[0, 1, 8, 15, 20, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [64, 0, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192]
    ]  # fmt: skip


def test_cityscapes_files_hold_label_ids(tmp_path):
    source = Path("leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png")
    (files,) = CITYSCAPES_SERVER.plan([source], out=tmp_path)
    # The server looks for one file per picture that fits <city>_123456_123456*.png.
    assert re.fullmatch(r"berlin_000000_000019.*\.png", files.labels.name)
    CITYSCAPES_SERVER.save(result(19), files.labels)
    with Image.open(files.labels) as picture:
        assert picture.mode == "L"
        values = np.array(picture)
    assert dict(zip(CITYSCAPES_SERVER.names, values[:, 0].tolist(), strict=True)) == CITYSCAPES_IDS
    assert (values == values[:, :1]).all()


def test_pictures_of_another_data_set_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"IMG_0001.jpg is not named as the server's images are"):
        VOC_SERVER.plan([Path("IMG_0001.jpg")], out=tmp_path)
    with pytest.raises(InputError, match=r"berlin_000019_leftImg8bit\.png is not named"):
        CITYSCAPES_SERVER.plan([Path("berlin_000019_leftImg8bit.png")], out=tmp_path)


def test_the_same_picture_twice_is_refused(tmp_path):
    twice = [Path("a/2008_000006.jpg"), Path("b/2008_000006.png")]
    with pytest.raises(InputError, match="would both become"):
        VOC_SERVER.plan(twice, out=tmp_path)


def test_no_picture_is_replaced(tmp_path):
    place = tmp_path / "results/VOC2012/Segmentation/comp6_test_cls/2008_000006.png"
    with pytest.raises(InputError, match="would be replaced"):
        VOC_SERVER.plan([place], out=tmp_path)


def test_weights_of_other_classes_are_refused():
    VOC_SERVER.require(PASCAL_VOC)
    CITYSCAPES_SERVER.require(LabelSpace.unnamed(19))
    for labels in (LabelSpace.unnamed(19), LabelSpace(names=PASCAL_VOC.names[::-1])):
        with pytest.raises(InputError, match=r"the 21 classes background, aeroplane \.\.\. tvmonitor in this order"):
            VOC_SERVER.require(labels)
