"""Containers of tensors: every form that PyTorch and NumPy write gives the tensors of the plain file; none is run."""

import copy
import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from atrous.errors import InputError
from atrous.importers.pytorch.state_dict import open_file
from atrous.importers.pytorch.zip_archive import ZipArchive
from reference.weights import randomize

STATE = {
    name: tensor.float() if tensor.is_floating_point() else tensor
    for name, tensor in randomize(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))).state_dict().items()
}
ARRAYS = {name: tensor.numpy() for name, tensor in STATE.items()}
FORTRAN = {name: np.asfortranarray(array) if array.ndim > 1 else array for name, array in ARRAYS.items()}


class Program(nn.Module):
    """A module whose every tensor is used, so that no program leaves one out."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
        self.body.load_state_dict(STATE)

    def forward(self, x):
        return self.body(x)


def traced(path):
    torch.jit.trace(Program().eval(), torch.ones(1, 3, 5, 5)).save(path)


def exported(path):
    torch.export.save(torch.export.export(Program().eval(), (torch.ones(1, 3, 5, 5),)), path)


def old_exported(path):
    content = io.BytesIO()
    torch.save({f"body.{name}": tensor for name, tensor in STATE.items()}, content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", content.getvalue())


def zip_0(path):
    torch.save(STATE, path, pickle_protocol=0)


def legacy_0(path):
    torch.save(STATE, path, pickle_protocol=0, _use_new_zipfile_serialization=False)


def pickled(protocol):
    return lambda path: path.write_bytes(pickle.dumps(ARRAYS, protocol=protocol))


WRITERS = {
    "TorchScript": traced,
    "exported program": exported,
    "exported program before 2.8": old_exported,
    "protocol 0": zip_0,
    "protocol 0, before 1.6": legacy_0,
    "arrays of protocol 0": pickled(0),
    "arrays of protocol 1": pickled(1),
    "npz": lambda path: np.savez(path.open("wb"), **ARRAYS),
    "npz, compressed": lambda path: np.savez_compressed(path.open("wb"), **ARRAYS),
    "npz, columns first": lambda path: np.savez(path.open("wb"), **FORTRAN),
    "pruned safetensors": lambda path: save_file(
        {**{name: tensor for name, tensor in STATE.items() if name != "0.weight"},
         "0.weight_orig": STATE["0.weight"], "0.weight_mask": torch.ones_like(STATE["0.weight"])}, path
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", WRITERS)
def test_tensors_are_those_that_were_written(tmp_path, form):
    path = tmp_path / "a.pt"
    WRITERS[form](path)
    with open_file(path) as contents:
        (group,) = (group for group in contents.groups if len(group.tensors) >= len(STATE) - 1)
        tensors = {name.removeprefix("body."): tensor for name, tensor in contents.load(group).items()}
    assert tensors.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert torch.equal(tensors[name], tensor), name


def test_arrays_of_anything_but_numbers_are_no_tensors(tmp_path):
    """Numbers of either byte order are read; text, times, records and complex numbers lie beside them."""
    others = {
        "name": np.array("deeplab"), "when": np.array(["2020-01-01"], "M8[D]"), "record": np.zeros(2, [("x", "f4")]),
        "complex": np.ones(2, complex), "long": np.ones(2, np.longdouble), "nothing": np.zeros(3, "V0"),
    }  # fmt: skip
    numbers = {"big": np.arange(6, dtype=">f4").reshape(2, 3), "unsigned": np.array([65535], "<u2")}
    np.savez(tmp_path / "a.npz", **numbers, **others)
    with open_file(tmp_path / "a.npz") as contents:
        (group,) = contents.groups
        tensors = contents.load(group)
        assert contents.value.keys() == {*numbers, *others}
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        "big": [[0, 1, 2], [3, 4, 5]], "unsigned": [65535],
    }  # fmt: skip


def test_members_of_an_exported_program_are_read_once(tmp_path, monkeypatch):
    """A thousand tensors that lie in one member of 64 KiB share its memory."""
    entry = json.loads(list_of())["config"]["a"]
    listed = json.dumps({"config": {f"{number}": entry for number in range(1000)}})
    (tmp_path / "a.pt2").write_bytes(stored({LISTED: listed, "e/data/weights/weight_0": bytes(1 << 16)}))
    read, stored_member = [], ZipArchive.stored

    def counted(self, name, **options):
        read.append(name)
        return stored_member(self, name, **options)

    monkeypatch.setattr(ZipArchive, "stored", counted)
    with open_file(tmp_path / "a.pt2") as contents:
        storages = {tensor.untyped_storage().data_ptr() for tensor in contents.groups[0].tensors.values()}
    assert read == [LISTED, "e/data/weights/weight_0"]
    assert len(storages) == 1


def archive_of(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def array_bytes(array, **options):
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


def header_of(descr, shape="(4,)"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def with_header(header, data=b""):
    """A file of an array with any header of version 1.0."""
    return b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode() + b"\n" + data


def list_of(**meta):
    entry = {"path_name": "weight_0", "tensor_meta": {"dtype": 7, "sizes": [{"as_int": 2}], "strides": [{"as_int": 1}],
             "storage_offset": {"as_int": 0}, **meta}}  # fmt: skip
    return json.dumps({"config": {"a": entry}})


def stored(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def overlapping():
    """An archive whose directory has a member twice, under two names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a/data.pkl", bytes(1000))
        twin = copy.copy(archive.filelist[0])
        twin.filename = "a/data/0"
        archive.filelist.append(twin)
    return content.getvalue()


TYPED = b"ctorch._tensor\n_rebuild_from_type_v2\n"
DEVICE = b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n"
LISTED = "e/data/weights/model_weights_config.json"
HOSTILE = {
    "an array of objects": (
        archive_of({"a.npy": array_bytes(np.array([{}]), allow_pickle=True)}), "Python objects, which are no numbers"),
    "an array in a record that holds objects": (
        archive_of({"a.npy": array_bytes(np.zeros(1, [("x", "O")]), allow_pickle=True)}), "a.npy holds Python objects"),
    "an array whose header does not end": (archive_of({"a.npy": with_header("{'descr': (")}), "a.npy is no array"),
    "an array without a type": (archive_of({"a.npy": with_header(header_of("()"))}), "a.npy is no array"),
    "an array of a negative shape": (
        archive_of({"a.npy": with_header(header_of("'<f4'", "(-2, -2)"), bytes(16))}), "a.npy: .*shape is no shape"),
    "an array of no elements beyond any memory": (
        archive_of({"a.npy": with_header(header_of("'<f4'", f"(0, {10**30})"))}), "a.npy: .*shape is no shape"),
    "an array of no elements of nearly that shape": (
        archive_of({"a.npy": with_header(header_of("'<f4'", f"(0, {2**62}, 4)"))}), "a.npy: .*is impossible"),
    "an array of a shape in words": (
        archive_of({"a.npy": with_header(header_of("'<f4'", "('4',)"), bytes(16))}), "a.npy is no array"),
    "a cut array": (archive_of({"a.npy": array_bytes(np.ones(9))[:-1]}), "has 71 bytes"),
    "no array": (archive_of({"a.npy": b"x" * 100}), "no array of NumPy"),
    "a huge shape": (
        archive_of({"a.npy": array_bytes(np.ones(9)).replace(b"(9,), }", b"(9**9)}")}), "array",
    ),
    "more than the memory": (archive_of({"a.npy": bytes(1 << 20)}).replace(
        (1 << 20).to_bytes(4, "little"), (0x7FFFFFFF).to_bytes(4, "little")), "unpacks to more"),
    "a program without weights": (stored({LISTED: list_of()}), "weight_0 is missing"),
    "a program that lies": (stored({LISTED: list_of(), "e/data/weights/weight_0": b"1234"}), "does not fit"),
    "an impossible stride": (
        stored({LISTED: list_of(strides=[{"as_int": -1}]), "e/data/weights/weight_0": b"12345678"}), "negative"),
    "an unknown type": (stored({LISTED: list_of(dtype=99), "e/data/weights/weight_0": b""}), "type 99"),
    "no list": (stored({LISTED: "[]"}), "damaged exported program"),
    "Keras": (stored({"config.json": "{}", "model.weights.h5": "x"}), r"model of Keras 3 \(\.keras\); write it"),
    "any archive": (stored({"readme.txt": "x"}), "not one that torch.save wrote"),
    "members that overlap": (overlapping(), "members overlap"),
    "a tensor whose rebuilding function names itself": (
        b"(dVa\n" + TYPED + b"(" + 2000 * (TYPED + b"N(") + 2000 * b"t" + b"tRs.", "more than 4 rebuilding functions"),
    "a tensor of a device within another": (
        b"(dVa\n" + 2000 * (DEVICE + b"(") + 2000 * b"tR" + b"s.", "more than 4 rebuilding functions"),
    "a text of protocol 0": (b"cos\nsystem\n(S'false'\ntR.", "a pickle without a state dict"),
    "a storage in words": (
        b"(dp0\nVa\nctorch._utils\n_rebuild_tensor_v2\n(P('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 9)\n"
        b"I0\n(I9\nt(I1\ntI00\nNtRs.", "no storage 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_containers_are_one_line(tmp_path, name):
    content, complaint = HOSTILE[name]
    (tmp_path / "a.pt").write_bytes(content)

    def read():
        with open_file(tmp_path / "a.pt") as contents:
            for group in contents.groups:
                contents.load(group)
            if not contents.groups:
                raise InputError("a pickle without a state dict")

    with pytest.raises(InputError, match=complaint) as caught:
        read()
    assert "\n" not in str(caught.value)
