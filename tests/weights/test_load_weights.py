import hashlib

import pytest
import torch

from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.weights import archive
from atrous.weights.load import load
from fakes.fake_mobilenet import FakeMobileNet


def test_files_are_recognised_by_contents_not_by_name(tmp_path):
    official, own = tmp_path / "official.safetensors", tmp_path / "own.tflite"
    official.write_bytes(FakeMobileNet(classes=4).content())
    first = load(official)
    archive.save(own, first.model, labels=first.labels, provenance={"source": "a test"})
    second = load(str(own))
    assert first.labels == second.labels == LabelSpace.unnamed(4)
    assert first.sha256 == hashlib.sha256(official.read_bytes()).hexdigest()
    assert first.provenance == {"source": "official.safetensors", "format": "TFLite", "size": [65, 65]}
    assert second.provenance == {"source": "a test"}
    images = torch.randint(0, 256, (1, 3, 50, 70), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(first.model(images), second.model(images))


def test_twenty_one_classes_are_those_of_pascal_voc(tmp_path):
    (tmp_path / "voc.tflite").write_bytes(FakeMobileNet(classes=21).content())
    assert load(tmp_path / "voc.tflite").labels == PASCAL_VOC


@pytest.mark.parametrize("content", [b"", b"1234TFL", b"1234TFL3", b"nonsense of some length"])
def test_anything_else_is_one_clear_line(tmp_path, content):
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(InputError, match="weights: ") as error:
        load(tmp_path / "weights")
    assert "\n" not in str(error.value)


def test_a_folder_and_an_unknown_name_are_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: a folder without a checkpoint"):
        load(tmp_path)
    with pytest.raises(InputError, match=r"no such file: deeplab; .*`atrous weights`"):
        load("deeplab")
