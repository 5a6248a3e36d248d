import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import ASPPConfig, DecoderConfig, MobileNetV2Config, ModelConfig
from atrous.model.conventions import TENSORFLOW
from atrous.weights import archive

CONFIG = ModelConfig(
    MobileNetV2Config(depth_multiplier=0.125),
    head=ASPPConfig(rates=(6,), aspp_channels=8, separable=True, projection=((1, 8, False),)),
    decoder=DecoderConfig(low_level_channels=4, refinement=((3, 8, True),)),
    conventions=replace(TENSORFLOW, input_mean=(1.0, 2.0, 3.5)),
    classes=3,
    output_stride=8,
)
LABELS = LabelSpace(("sky", "<road>", "Bäume"), palette=((1, 2, 3), (4, 5, 6), (7, 8, 9)), ignore=11)
PROVENANCE = {"source": "a test", "licence": "CC0-1.0", "results": {"miou": 0.5, "per_class": [None, 1]}}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = build(CONFIG).eval()
    for key, value in model.state_dict().items():
        if key.endswith(("running_mean", "running_var")):
            value.uniform_(0.001, 1)
    return model


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "weights.safetensors"
    archive.save(path, model, labels=LABELS, provenance=PROVENANCE)
    return path


def description_of(content):
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    return json.loads(header["__metadata__"]["atrous"])


def signed(description, tensors):
    """An archive with any contents and a valid sha256, from the description of the format alone."""
    description = {key: value for key, value in description.items() if key != "sha256"}
    index = {name: [array.dtype.name, list(array.shape)] for name, array in tensors.items()}
    digest = hashlib.sha256(json.dumps({"description": description, "tensors": index}, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(tensors[name].tobytes())
    text = json.dumps({**description, "sha256": digest.hexdigest()})
    return save_tensors(tensors, metadata={"atrous": text})


def test_what_is_saved_is_loaded(model, path):
    loaded = archive.load(path)
    assert loaded.model.config == CONFIG
    assert loaded.labels == LABELS
    assert loaded.provenance == PROVENANCE
    assert loaded.sha256 == description_of(path.read_bytes())["sha256"]
    assert not loaded.model.training
    for key, value in model.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[key], value, rtol=0, atol=0)
    images = torch.randint(0, 256, (1, 3, 40, 30), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(loaded.model(images), model(images))


def test_a_model_alone_is_enough_and_the_path_may_be_text(model, tmp_path):
    archive.save(str(tmp_path / "model.safetensors"), model)
    loaded = archive.load(tmp_path / "model.safetensors")
    assert loaded.labels == LabelSpace.unnamed(model.config.classes)
    assert loaded.provenance == {}


def test_half_precision_rounds_parameters_and_keeps_statistics(model, tmp_path):
    path = tmp_path / "half.safetensors"
    archive.save(path, model, labels=LABELS, provenance={}, half=True)
    loaded = archive.load(path).model.state_dict()
    for key, value in model.state_dict().items():
        assert loaded[key].dtype == value.dtype
        exact = key.endswith(("running_mean", "running_var")) or not value.is_floating_point()
        np.testing.assert_array_equal(loaded[key], value if exact else value.numpy().astype("f2").astype("f4"))


def test_equal_contents_give_equal_bytes(path, tmp_path):
    again = tmp_path / "again.safetensors"
    loaded = archive.load(path)
    archive.save(again, loaded.model.train(), labels=loaded.labels, provenance=dict(reversed(PROVENANCE.items())))
    assert again.read_bytes() == path.read_bytes()


def test_memory_format_and_type_of_the_model_do_not_matter(model, path, tmp_path):
    other = build(CONFIG)
    other.load_state_dict(model.state_dict())
    archive.save(
        tmp_path / "b", other.double().to(memory_format=torch.channels_last), labels=LABELS, provenance=PROVENANCE
    )
    assert (tmp_path / "b").read_bytes() == path.read_bytes()


def test_the_sha256_can_be_recomputed_from_the_description_of_the_format(path):
    content = path.read_bytes()
    again = signed(description_of(content), load_tensors(content))
    assert description_of(again) == description_of(content)


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.3, 0.9, 0.99999])
def test_a_truncated_file_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"weights\.safetensors: (damaged or no safetensors|an empty) file"):
        archive.load(path)


def test_anything_appended_is_refused(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError, match="damaged"):
        archive.load(path)


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "weights.safetensors"
    archive.save(path, model, labels=LABELS, provenance=PROVENANCE)
    return path.read_bytes()


@settings(max_examples=100)
@given(data=st.data())
def test_no_flipped_bit_passes(model, whole, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    content = bytearray(whole)
    header = 8 + struct.unpack("<Q", content[:8])[0]
    position = data.draw(st.one_of(st.integers(0, header - 1), st.integers(0, len(content) - 1)))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        loaded = archive.load(path)
    except InputError:
        return
    # What survives has changed no meaning: white space of the header.
    assert (loaded.labels, loaded.provenance, loaded.model.config) == (LABELS, PROVENANCE, CONFIG)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.model.state_dict().items())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04rest of a zip", "pickle"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\n  <html>", "a web page"),
        (b"", "an empty file; download the file itself again"),
        (b"\xff" * 8 + b"{}", "damaged or no safetensors file"),
        (struct.pack("<Q", 90_000_000) + b"{" * 100, "damaged or no safetensors file"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "damaged or no file of weights"),
        (save_tensors({"weight": np.zeros(3, "f4")}), "something else"),
        (save_tensors({"weight": np.zeros(3, "f4")}, metadata={"format": "pt"}), "something else"),
        (save_tensors({}, metadata={"atrous": "{"}), "its description is not JSON"),
        (save_tensors({}, metadata={"atrous": "[" * 100_000}), "its description is not JSON"),
        (save_tensors({}, metadata={"atrous": '{"format": NaN}'}), "its description is not JSON"),
        (save_tensors({}, metadata={"atrous": "[]"}), "format None"),
        (save_tensors({}, metadata={"atrous": '{"format": 3}'}), "format 3.*upgrade atrous"),
        (save_tensors({}, metadata={"atrous": '{"format": 1}'}), "do not match its sha256"),
        (save_tensors({}, metadata={"atrous": '{"format": 1, "x": 1e999}'}), "do not match its sha256"),
        (save_tensors({}, metadata={"atrous": '{"format": 1, "sha256": "", "x": 1e999}'}), "do not match its sha256"),
        (save_tensors({}, metadata={"atrous": '{"format": 1, "x": 1' + "0" * 5000 + "}"}), "is not JSON"),
        (save_tensors({"a": np.zeros(3, "f8")}, metadata={"atrous": '{"format": 1}'}), "tensors of type F64"),
    ],
)  # fmt: skip
def test_foreign_files_get_one_clear_line(tmp_path, content, complaint):
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^.*foreign\.safetensors: .*{complaint}") as error:
        archive.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(InputError, match=f"cannot read {path}"):
            archive.load(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.update(classes=32000), "32000 classes|3 labels"),
        (lambda c: c["head"].update(aspp_channels=65536), "its tensors are not those of its model"),
        (lambda c: c["head"].update(projection=[[31, 65536, False]] * 3), "its tensors are not those of its model"),
        (lambda c: c["head"].update(projection=[[10**30 + 1, 65536, False]]), "projection layer"),
        (lambda c: c["head"].update(rates=[6] * 10_000), "longer than any real one"),
        (lambda c: c["head"].update(rates=[6] * 1000), "ASPP rates"),
        (lambda c: c["head"].update(rates=[6] * 16), "its tensors are not those of its model"),
        (lambda c: c["backbone"].update(depth_multiplier=8.0), "its tensors are not those of its model"),
        (lambda c: c["backbone"].update(depth_multiplier=float("1e308")), "depth multiplier"),
        (lambda c: c["backbone"].update(kind="resnet"), "backbone: unknown field"),
        (lambda c: c.update(surprise=1), "unknown field 'surprise'"),
        (lambda c: c.update(classes="3"), "expected int"),
        (lambda c: c.update(output_stride=3), "output stride 3"),
        (lambda c: c.pop("backbone"), "'backbone' is missing"),
        (lambda c: c.update(decoder=None), "decoder.low_level.conv.weight is unknown"),
    ],
)  # fmt: skip
def test_a_configuration_that_is_not_that_of_the_tensors_is_refused(path, change, complaint):
    content = path.read_bytes()
    description = description_of(content)
    change(description["config"])
    path.write_bytes(signed(description, load_tensors(content)))
    with pytest.raises(InputError, match=complaint) as error:
        archive.load(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("part", "value", "complaint"),
    [
        ("labels", None, "label space is broken"),
        ("labels", {"names": ["a"], "palette": [[1, 2, 3]], "ignore": 255}, "1 labels for a model of 3 classes"),
        ("labels", {"names": ["a", "a", "b"], "palette": [], "ignore": 255}, "label space is broken.*must differ"),
        ("labels", {"names": 3, "palette": 4, "ignore": []}, "label space is broken"),
        ("provenance", [], "provenance is not a JSON object"),
        ("config", None, "model configuration"),
    ],
)
def test_broken_descriptions_are_refused(path, part, value, complaint):
    content = path.read_bytes()
    path.write_bytes(signed({**description_of(content), part: value}, load_tensors(content)))
    with pytest.raises(InputError, match=complaint):
        archive.load(path)


def test_tensors_must_be_complete_and_of_the_right_shape_and_kind(path):
    content = path.read_bytes()
    tensors = load_tensors(content)
    name = "classifier.weight"
    for changed, complaint in (
        ({key: value for key, value in tensors.items() if key != name}, f"{name} is missing"),
        ({**tensors, "extra": np.zeros(1, "f4")}, "extra is unknown"),
        ({**tensors, "\n\x1b[2J": np.zeros(1, "f4")}, ": \ufffd\\[2J is unknown"),
        ({**tensors, name: tensors[name][:2].copy()}, rf"{name} is float32 \(2, 8, 1, 1\) where the model has"),
        ({**tensors, name: tensors[name].astype("i8")}, f"{name} is int64"),
    ):
        path.write_bytes(signed(description_of(content), changed))
        with pytest.raises(InputError, match=complaint):
            archive.load(path)


def test_keys_that_are_numbers_become_strings_as_json_wants(model, tmp_path):
    archive.save(tmp_path / "x.safetensors", model, labels=LABELS, provenance={"iou": {2: (0.5, None), 10: 0.25}})
    assert archive.load(tmp_path / "x.safetensors").provenance == {"iou": {"2": [0.5, None], "10": 0.25}}


def test_a_description_too_long_to_be_read_is_not_written(model, tmp_path):
    with pytest.raises(InputError, match="shorten the provenance"):
        archive.save(tmp_path / "x", model, labels=LABELS, provenance={"log": "ä" * 800_000})


@pytest.mark.parametrize("provenance", [{"x": float("nan")}, {"x": object()}, {"x": b"bytes"}])
def test_provenance_must_be_json(model, tmp_path, provenance):
    with pytest.raises(InputError, match="provenance is not plain JSON"):
        archive.save(tmp_path / "x.safetensors", model, labels=LABELS, provenance=provenance)
    assert list(tmp_path.iterdir()) == []


def test_labels_must_fit_the_classes(model, tmp_path):
    with pytest.raises(InputError, match="21 labels for a model of 3 classes"):
        archive.save(tmp_path / "x", model, labels=LabelSpace.unnamed(21), provenance={})


def test_what_half_precision_cannot_hold_is_not_written(tmp_path):
    model = build(CONFIG)
    model.classifier.bias.data[1] = 1e6
    with pytest.raises(InputError, match=r"classifier\.bias holds values beyond 65504"):
        archive.save(tmp_path / "x", model, labels=LABELS, provenance={}, half=True)


def test_an_interrupted_save_leaves_the_old_file(model, path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        archive.save(path, model, labels=LABELS, provenance={})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
