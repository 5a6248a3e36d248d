"""Checkpoints are read as data: what is in them never runs, and nothing in them is believed."""

import argparse
import contextlib
import io
import os
import pickle
import pickletools
import zipfile
from collections import defaultdict
from datetime import date

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from atrous.errors import InputError
from atrous.importers.pytorch import groups, pickle_machine
from atrous.importers.pytorch.pickle_machine import Call, Global, read_pickle
from atrous.importers.pytorch.state_dict import open_file

ran = []


def dangerous(*arguments):
    ran.append(arguments)
    return arguments


class Reduced:
    def __reduce__(self):
        return dangerous, ("reduced",)


class Stateful:
    def __setstate__(self, state):
        ran.append(state)

    def __getstate__(self):
        return {"a": 1}


class Sequence(list):
    def append(self, item):
        ran.append(item)

    extend = append


class HistoryBuffer:
    """As training loops of others leave it behind: an object with arrays, of a class that is not installed."""

    def __init__(self):
        self.values = np.arange(4.0)


def network():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Conv2d(4, 2, 1).half()))
    model[0].weight.data = model[0].weight.data.contiguous(memory_format=torch.channels_last)
    return model


def wrapped(state):
    """What real checkpoints carry beside their tensors."""
    optimizer = torch.optim.SGD(network().parameters(), lr=0.1, momentum=0.9)
    return {
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1, out="runs"),
        "best_score": np.float64(0.7),
        "history": HistoryBuffer(),
        "counts": defaultdict(list, {"a": [1]}),
        "day": date(2020, 1, 1),
        "seen": {1, 2, frozenset({3})},
        "optimizer": optimizer.state_dict(),
        "state_dict": state,
    }


def read_tensors(path):
    """Tensors of the largest group."""
    with open_file(path) as contents:
        tensors = [contents.load(group) for group in contents.groups]
    if not tensors:
        raise InputError("a pickle without a state dict")
    return max(tensors, key=len)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrapper", [lambda model: model.state_dict(), lambda model: wrapped(model.state_dict())])
def test_state_dicts_are_read_bit_for_bit(tmp_path, zipped, wrapper):
    model, path = network(), tmp_path / "weights.anything"
    torch.save(wrapper(model), path, _use_new_zipfile_serialization=zipped)
    found = read_tensors(path)
    expected = model.state_dict()
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_whole_models_are_read_from_the_state_of_their_modules(tmp_path, zipped):
    model, path = network(), tmp_path / "model.pt"
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    found = read_tensors(path)
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_of_numpy_are_tensors(tmp_path, protocol):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.asfortranarray(np.arange(8.0).reshape(2, 4))}
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"model": arrays, "__author__": "them"}, protocol=protocol))
    found = read_tensors(tmp_path / "model.pkl")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {k: v.tolist() for k, v in arrays.items()}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("value", [Reduced(), Stateful(), Sequence([1, 2]), {"a": [Reduced()]}, print, os.system])
def test_nothing_is_ever_called(protocol, value):
    content = pickle.dumps(value, protocol=protocol)
    ran.clear()
    found = read_pickle(io.BytesIO(content))
    assert ran == []
    assert isinstance(found, Global) or not callable(value)  # the function's name, not the function
    pickle.loads(content)
    assert ran or callable(value) or protocol < 2  # what Python's own reader does


def test_what_would_have_been_called_is_noted():
    content = b"cos\nsystem\n(S'echo no'\ntR."
    assert vars(read_pickle(io.BytesIO(content))) == vars(Call(Global("os", "system"), ("echo no",)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"(.",
        b"\x80\x02",
        b"K\x01K\x02.",
        b"0.",
        b"h\x00.",
        b"}K\x01s.",
        b"\x80\x02]b.",
        b"\x8e" + b"\xff" * 7 + b"\x7f" + b"x.",  # bytes of 2^63
        b"X\xff\xff\xff\x7fabc.",  # text of 2 GB
        b"\x8a\xffabc.",
        b"I1e9\n.",
        b"L" + b"9" * 100_000 + b"L\n.",
        b"(((((" + b"t" * 9 + b".",
        b"ccollections\nOrderedDict\n(K\x01tR.",
        b"\x8a\x11" + b"\xff" * 16 + b"\x01.",  # an integer of 129 bits, and in plain text
        b"I%d\n." % (1 << 128),
        b"L%dL\n." % -(1 << 128),
    ],
)
def test_damaged_pickles_are_one_clear_line(content):
    with pytest.raises(InputError, match=r"^a damaged pickle \(.*\); get it again from its source$"):
        read_pickle(io.BytesIO(content))


def test_depth_does_not_end_the_process():
    nested = read_pickle(io.BytesIO(b"(" * 40_000 + b"t" * 40_000 + b"."))
    assert isinstance(nested, tuple)
    key = read_pickle(io.BytesIO(b"}" + b"(" * 40_000 + b"t" * 40_000 + b"K\x01s."))
    assert len(key) == 1


def test_one_list_cannot_become_any_number_of_dicts(monkeypatch):
    monkeypatch.setattr(pickle_machine, "MOST_OPCODES", 50_000)
    pairs = b"](" + b"K\x01K\x02\x86" * 1000 + b"eq\x000"
    content = pairs + b"ccollections\nOrderedDict\nq\x010(" + b"h\x01h\x00\x85R" * 100 + b"l."
    with pytest.raises(InputError, match="copies more than any real one"):
        read_pickle(io.BytesIO(content))


def test_a_memo_of_any_number_costs_nothing():
    assert read_pickle(io.BytesIO(b"K\x07r\xff\xff\xff\x7f.")) == 7


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def rebuilt(content, change):
    """A zip archive of torch with its pickle changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            new.writestr(member.filename, change(data) if member.filename.endswith("data.pkl") else data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"K\x02K\x03\x86", b"K\x02K\x09\x86", "does not fit its storage"),  # a size beyond the storage
        (b"K\x02K\x03\x86", b"M\xff\xffM\xff\xff\x86", "does not fit its storage"),
        (b"K\x03K\x01\x86", b"K\x09K\x01\x86", "does not fit its storage"),  # a stride beyond it
        (b"K\x03K\x01\x86", b"K\x00K\x00\x86q\x00", "."),  # every element the same one: fits
        (b"K\x03K\x01\x86", b"J\xff\xff\xff\xffK\x01\x86", "negative"),
        (b"FloatStorage", b"FlootStorage", "FlootStorage cannot be read"),
        (b"K\x06t", b"K\x7ft", "has 24 bytes where 127 numbers are announced"),
    ],
)
def test_tensors_are_checked_against_their_storage(tmp_path, old, new, message):
    content = saved({"a": torch.arange(6.0).reshape(2, 3)})
    assert rebuilt(content, lambda data: data).count(old) >= 1
    (tmp_path / "x.pth").write_bytes(rebuilt(content, lambda data: data.replace(old, new)))
    if message == ".":
        assert read_tensors(tmp_path / "x.pth")["a"].tolist() == [[0.0] * 3] * 2
    else:
        with pytest.raises(InputError, match=message):
            read_tensors(tmp_path / "x.pth")


HUGE = b"\x8a\x09" + (1 << 63).to_bytes(9, "little")
LONGEST = b"\x8a\x08" + ((1 << 63) - 1).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x01K\x03\x86", b"K\x01" + HUGE + b"\x86"),  # a size
        (b"K\x01K\x03\x86", b"\x88K\x03\x86"),  # True
        (b"K\x03K\x01\x86", HUGE + b"K\x01\x86"),  # a stride that is never stepped
        (b"K\x03K\x01\x86", b"\x88K\x01\x86"),
        (b"QK\x00", b"Q" + HUGE),  # an offset
        (b"QK\x00", b"Q\x89"),  # False
        (b"K\x03t", HUGE + b"t"),  # the numbers of a storage
        (b"K\x03t", b"\x88t"),
    ],
)  # fmt: skip
def test_sizes_are_integers_that_any_machine_has(tmp_path, old, new):
    content = rebuilt(saved({"a": torch.arange(3.0).reshape(1, 3)}), pickletools.optimize)
    assert torch.load(io.BytesIO(content), weights_only=True)["a"].tolist() == [[0.0, 1.0, 2.0]]
    assert rebuilt(content, lambda data: data.replace(old, new)) != content
    (tmp_path / "x.pth").write_bytes(rebuilt(content, lambda data: data.replace(old, new)))
    with pytest.raises(InputError, match=r"offset, size and stride are no numbers|numbers are announced"):
        read_tensors(tmp_path / "x.pth")


def test_the_longest_stride_that_is_never_stepped_is_harmless(tmp_path):
    content = rebuilt(saved({"a": torch.arange(3.0).reshape(1, 3)}), pickletools.optimize)
    changed = rebuilt(content, lambda data: data.replace(b"K\x03K\x01\x86", LONGEST + b"K\x01\x86"))
    (tmp_path / "x.pth").write_bytes(changed)
    assert changed != content
    assert read_tensors(tmp_path / "x.pth")["a"].tolist() == [[0.0, 1.0, 2.0]]


@pytest.mark.parametrize("shape", [(0, 1 << 62, 1 << 62), (0, 1 << 70), (True, 3)])
def test_arrays_of_impossible_shapes_are_one_clear_line(tmp_path, shape):
    class Bent(np.ndarray):
        def __reduce__(self):
            function, arguments, (version, _, *rest) = super().__reduce__()
            return function, (np.ndarray, *arguments[1:]), (version, shape, *rest)

    array = np.zeros(0 if 0 in shape else 3, np.float32).view(Bent)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"model": {"a": array}}, protocol=4))
    with pytest.raises(InputError, match=r"an array of NumPy (of shape .* is impossible|whose shape is no shape)"):
        read_tensors(tmp_path / "x.pkl")


class Shared:
    """Stands for a module of PyTorch: what its pickle keeps is what a real one keeps."""

    def __init__(self, **state):
        self.__dict__.update(state)


def test_a_graph_that_shares_its_modules_is_not_walked_as_a_tree(tmp_path, monkeypatch):
    """Twice the same child at each of 40 levels are 10^12 visits, told in 2 kB."""
    monkeypatch.setattr(groups, "MOST_TENSORS", 1000)
    module = Shared(_parameters={"weight": torch.zeros(1)})
    for _ in range(40):
        module = Shared(_modules={"a": module, "b": module})
    torch.save(module, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"a model of more than 1000 modules and tensors, as no real one has$"):
        read_tensors(tmp_path / "x.pth")


def test_parts_that_are_none_are_visits_too(tmp_path):
    nothing = dict.fromkeys(map(str, range(1000)))
    module = Shared(_parameters=nothing)
    torch.save(Shared(_modules={str(number): module for number in range(200)}), tmp_path / "x.pth")
    with pytest.raises(InputError, match="more than 100000 modules and tensors"):
        read_tensors(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["x" * 1001, ("x",), 1 << 100, None])
def test_names_of_modules_are_names(tmp_path, name):
    leaf = Shared(_parameters={"weight": torch.zeros(1)})
    torch.save(Shared(_modules={name: leaf}), tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"names of more than 1000 characters, or none$"):
        read_tensors(tmp_path / "x.pth")


def test_names_do_not_grow_with_the_depth(tmp_path):
    module = Shared(_parameters={"weight": torch.zeros(1)})
    for _ in range(20):
        module = Shared(_modules={"x" * 60: module})
    torch.save(module, tmp_path / "x.pth")
    with pytest.raises(InputError, match="names of more than 1000 characters"):
        read_tensors(tmp_path / "x.pth")


@pytest.mark.parametrize("key", [b"]", b"}", b"(K\x01]t", b"N", b"\x88"])
def test_keys_of_storages_that_cannot_be_hashed(tmp_path, key):
    content = saved({"a": torch.arange(3.0)}, _use_new_zipfile_serialization=False)
    end = content.rindex(b"\x80\x02]")  # the list of keys is the last pickle
    stop = content.index(b".", content.index(b"a", end + 3))
    (tmp_path / "x.pth").write_bytes(content[:end] + b"\x80\x02](" + key + b"e." + content[stop + 1 :])
    with pytest.raises(InputError, match="its storages do not fit its tensors"):
        read_tensors(tmp_path / "x.pth")


def test_storages_that_are_shared_cannot_fill_the_memory(tmp_path):
    vector = torch.zeros(10_000)
    torch.save({str(number): vector for number in range(50)}, tmp_path / "shared.pth")
    with pytest.raises(InputError, match="share their storages and are larger than the file"):
        read_tensors(tmp_path / "shared.pth")


def test_compressed_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", b"\x80\x02" + b"\x00" * 50_000_000)
    assert (tmp_path / "bomb.pth").stat().st_size < 100_000
    with pytest.raises(InputError, match="compressed or larger than the file"):
        read_tensors(tmp_path / "bomb.pth")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@settings(max_examples=150, derandomize=True)
@given(data=st.data())
def test_flipped_and_cut_bytes_are_errors_or_harmless(tmp_path_factory, zipped, data):
    content = bytearray(saved(wrapped(nn.Conv2d(2, 2, 1).state_dict()), _use_new_zipfile_serialization=zipped))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "x.pth"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    with contextlib.suppress(InputError):  # anything else fails
        read_tensors(path)
