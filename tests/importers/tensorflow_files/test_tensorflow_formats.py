"""The containers: checksums, compression, tables, messages; and what a damaged or hostile one gives."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.importers.tensorflow.bundle import read_bundle
from atrous.importers.tensorflow.checkpoint_v1 import read_checkpoint_v1
from atrous.importers.tensorflow.checksum import crc32c, masked
from atrous.importers.tensorflow.graph import read_graph
from atrous.importers.tensorflow.snappy import decompress
from fakes.tensorflow_writer import (
    block,
    constant,
    graph,
    message,
    sealed,
    shape_message,
    table,
    v1_entries,
    varint,
    write_bundle,
)

ARRAYS = {
    "scope/conv/weights": np.arange(18, dtype=np.float32).reshape(1, 3, 2, 3),
    "scope/conv/biases": np.array([1.5, -2.0, 0.25], np.float32),
    "scope/deep/biases": np.zeros((0,), np.float32),
}


SNAPPY = bytes.fromhex(
    "9a07386174726f7573207261746520312c202e0f000032360f000033360f000034360f000035360f000036360f000037360f0000"
    "38360f000039360f000431303a10003a980000313a990000313a9a0000313a9b0000313a9c0000313a9d0000313a9e0000313a9f"
    "0000313aa00000323aa00000323aa00000323aa00000323aa00000323aa00000323aa00000323aa00000323aa00000323aa00000"
    "323aa00004333036400100333aa00000333aa00000333aa00000333aa00000333aa00000333aa00000333aa00000333aa0001033"
    "392c2000fe0100fe0100fe0100fe0100aa010018446565704c6162"
)
"""What the original library makes of the text in the test below."""


# Checksums


@pytest.mark.parametrize(
    ("content", "checksum"),
    [  # RFC 3720, B.4, and the check value of the catalogue of CRCs
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_checksum_of_known_bytes(content, checksum):
    assert crc32c(content) == checksum


@given(st.binary(max_size=700))
def test_checksum_is_that_of_bit_by_bit(content):
    register = 0xFFFF_FFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    assert crc32c(content) == register ^ 0xFFFF_FFFF


def test_mask_turns_and_moves():
    assert masked(0) == 0xA282EAD8
    assert masked(0x0000_8000) == 0xA282EAD9


# Compression


@pytest.mark.parametrize(
    ("stream", "plain"),
    [
        (b"\x00", b""),
        (b"\x05\x10hello", b"hello"),
        (bytes([10, 0]) + b"a" + bytes([(9 - 4) << 2 | 1, 1]), b"a" * 10),
        (bytes([10, 4]) + b"ab" + bytes([(8 - 1) << 2 | 2, 2, 0]), b"ab" * 5),
        (bytes([70, 60 << 2, 61]) + b"x" * 62 + bytes([(8 - 1) << 2 | 3, 62, 0, 0, 0]), b"x" * 70),
    ],
)
def test_streams_by_hand(stream, plain):
    """Literals up to and beyond 60; copies with distances of 11, 16 and 32 bits that overlap what they write."""
    assert decompress(memoryview(stream), most=100) == plain


def test_a_stream_of_the_original_library():
    plain = b"".join(b"atrous rate %d, " % rate for rate in range(1, 40)) + bytes(300) + b"DeepLab"
    assert decompress(memoryview(SNAPPY), most=len(plain)) == plain


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\x05\x10hell", "cut off"),
        (b"\x05\x0chell", "4 bytes were decompressed where 5"),
        (b"\x03\x10hello", "5 bytes were decompressed where 3"),
        (bytes([10, 0]) + b"a" + bytes([21, 2]), "2 bytes back of 1"),
        (bytes([10, 0]) + b"a" + bytes([21, 0]), "0 bytes back"),
        (bytes([10, 0]) + b"a" + bytes([30, 1]), "cut off"),
        (varint(1 << 40) + b"\x00a", "claim to be 1099511627776"),
        (varint(101) + b"\x10hello", "claim to be 101"),
    ],
)
def test_impossible_streams_are_refused(stream, words):
    with pytest.raises(InputError, match=words):
        decompress(memoryview(stream), most=100)


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_any_stream_is_survived(stream):
    with suppress(InputError):
        assert len(decompress(memoryview(stream), most=1000)) <= 1000


# Files


def read_arrays(variables):
    return {name: variable.read() for name, variable in variables.items() if variable.dtype is not None}


def written_bundle(folder):
    return write_bundle(folder / "model.ckpt", ARRAYS)


def written_v1(folder, **settings):
    path = folder / "model.ckpt"
    entries = v1_entries(ARRAYS)
    path.write_bytes(table(block(dict(list(entries.items())[:2]), **settings), block(dict(list(entries.items())[2:]))))
    return path


def written_graph(folder):
    path = folder / "frozen.pb"
    read = message((1, b"scope/kernel/read"), (2, b"Identity"), (3, b"scope/kernel"))
    weights = [constant(name, array) for name, array in ARRAYS.items()]
    others = [constant("scope/kernel", np.ones(2, np.float32)), constant("sub/y", np.ones((), np.float32))]
    path.write_bytes(graph(*weights, *others, read))
    return path


FORMS = (
    (written_bundle, read_bundle),
    (written_v1, read_checkpoint_v1),
    (written_graph, lambda p: read_graph(p).variables),
)


@pytest.mark.parametrize(("write", "read"), FORMS)
def test_what_was_written_is_read(tmp_path, write, read):
    found = read_arrays(read(write(tmp_path)))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_a_graph_tells_weights_from_other_constants(tmp_path):
    found = read_graph(written_graph(tmp_path))
    assert set(found.variables) == {*ARRAYS, "scope/kernel"}
    assert found.constants == ("sub/y",)


def test_strides_of_a_graph_multiply_but_for_shortcuts(tmp_path):
    def layer(name, operation, stride):
        strides = message((1, b"strides"), (2, message((1, message((3, bytes([1, stride, stride, 1])))))))
        return message((1, name), (2, operation), (5, strides))

    nodes = [layer(b"a", b"Conv2D", 2), layer(b"b/shortcut", b"Conv2D", 2), layer(b"b", b"DepthwiseConv2dNative", 2)]
    (tmp_path / "a.pb").write_bytes(graph(*nodes, layer(b"pool", b"MaxPool", 2), layer(b"c", b"Conv2D", 1)))
    assert read_graph(tmp_path / "a.pb").output_stride == 8


@pytest.mark.parametrize(
    ("dtype", "field", "values"),
    [
        ("f4", (5, np.array([1, 2], "<f4").tobytes()), [1, 2, 2]),
        ("f8", (6, np.array([1, 2, 3], "<f8").tobytes()), [1, 2, 3]),
        ("f2", (13, varint(0x3C00) + varint(0xC000)), [1, -2, -2]),
        ("i4", (7, varint(5) + varint((1 << 64) - 1)), [5, -1, -1]),
        ("i8", (10, 7), [7, 7, 7]),
    ],
)
def test_values_in_fields_of_their_own(tmp_path, dtype, field, values):
    """Equal values at the end are written once; halves as their bits; negative numbers in 64 bits."""
    (tmp_path / "a.pb").write_bytes(graph(constant("a/weights", np.zeros(3, dtype), values=field)))
    found = read_graph(tmp_path / "a.pb").variables["a/weights"].read()
    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == values


def test_one_value_cannot_stand_for_a_giant_tensor(tmp_path):
    giant = np.broadcast_to(np.float32(1), (1 << 10, 1 << 10))
    (tmp_path / "a.pb").write_bytes(graph(constant("a/weights", giant, values=(5, np.float32(1).tobytes()))))
    with pytest.raises(InputError, match="1 values for the shape"):
        read_graph(tmp_path / "a.pb").variables["a/weights"].read()


# Damage


@pytest.mark.parametrize(("write", "read"), FORMS)
def test_truncations_are_survived(tmp_path, write, read):
    path = write(tmp_path)
    content = path.read_bytes()
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        with suppress(InputError):
            assert sum(array.size for array in read_arrays(read(path)).values()) <= len(content)


@pytest.mark.parametrize(("write", "read"), FORMS)
def test_any_byte_may_be_wrong(tmp_path, write, read):
    path = write(tmp_path)
    content = path.read_bytes()
    for position in range(len(content)):
        other = content[position] ^ (0x04, 0x80, 0xFF)[position % 3]
        path.write_bytes(content[:position] + bytes([other]) + content[position + 1 :])
        with suppress(InputError):
            assert sum(array.size for array in read_arrays(read(path)).values()) <= 1 << 16


@pytest.mark.parametrize("format_", ["bundle", "v1"])
@settings(max_examples=150)
@given(data=st.data())
def test_wrong_entries_under_right_checksums_are_survived(tmp_path_factory, format_, data):
    """What the checksums would otherwise keep from being read."""
    folder = tmp_path_factory.getbasetemp() / format_
    folder.mkdir(exist_ok=True)
    index = write_bundle(folder / "m", ARRAYS)
    plain = bytearray(block(v1_entries(ARRAYS)) if format_ == "v1" else index.read_bytes())
    plain = plain[: plain.index(bytes(4) + (1).to_bytes(4, "little")) + 8]
    for position, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(plain) - 1), st.integers(0, 255)), min_size=1, max_size=6)
    ):
        plain[position] = value
    index.write_bytes(table(sealed(bytes(plain), compression=data.draw(st.sampled_from((0, 0, 0, 1))))))
    with suppress(InputError):
        read_arrays(read_checkpoint_v1(index) if format_ == "v1" else read_bundle(index))


def test_a_damaged_tensor_is_told(tmp_path):
    index = written_bundle(tmp_path)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[20] ^= 1
    data.write_bytes(content)
    with pytest.raises(InputError, match="scope/conv/weights does not match its checksum"):
        read_arrays(read_bundle(index))


def test_a_missing_data_file_is_told(tmp_path):
    index = written_bundle(tmp_path)
    (tmp_path / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(InputError, match=r"model.ckpt.data-00000-of-00001 is missing"):
        read_bundle(index)


def test_bytes_of_one_tensor_cannot_be_many(tmp_path):
    index = written_bundle(tmp_path)
    size = (tmp_path / "model.ckpt.data-00000-of-00001").stat().st_size
    place = message((1, 1), (2, shape_message((size // 4,))), (5, size))
    entries = {b"": message((1, 1)), **{b"%03d" % number: place for number in range(2)}}
    index.write_bytes(table(block(entries)))
    with pytest.raises(InputError, match="larger than its data files"):
        read_bundle(index)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (message((1, 1), (2, shape_message((1 << 40,))), (5, 4)), "larger than any"),
        (message((1, 1), (2, shape_message(((1 << 64) - 1,))), (5, 4)), "impossible shape"),
        (message((1, 1), (2, shape_message((1,) * 9)), (5, 4)), "impossible shape"),
        (message((1, 1), (2, shape_message((2,))), (5, 4)), "has 4 bytes for the shape"),
        (message((1, 1), (2, shape_message((1,))), (4, 1 << 50), (5, 4)), "outside of the data files"),
        (message((1, 1), (2, shape_message((1,))), (3, 1), (5, 4)), "outside of the data files"),
        (message((1, 1), (2, shape_message((1,))), (5, 4), (7, b"")), "cut into slices"),
    ],
)
def test_impossible_places_are_refused(tmp_path, entry, words):
    index = written_bundle(tmp_path)
    index.write_bytes(table(block({b"": message((1, 1)), b"a": entry})))
    with pytest.raises(InputError, match=words):
        read_bundle(index)


def test_blocks_that_overlap_are_refused(tmp_path):
    each = block(v1_entries(ARRAYS))
    index = block({b"a": varint(0) + varint(len(each) - 5), b"b": varint(0) + varint(len(each) - 5)})
    footer = varint(0) + varint(0) + varint(len(each)) + varint(len(index) - 5)
    (tmp_path / "m").write_bytes(each + index + footer.ljust(40, b"\0") + table(each)[-8:])
    with pytest.raises(InputError, match="overlap"):
        read_checkpoint_v1(tmp_path / "m")


def test_absurd_numbers_of_things_are_refused(tmp_path, monkeypatch):
    """Each costs memory long before a file is too large."""
    monkeypatch.setattr("atrous.importers.tensorflow.graph._MOST_NODES", 5)
    monkeypatch.setattr("atrous.importers.protobuf._MOST_FIELDS", 50)
    monkeypatch.setattr("atrous.importers.tensorflow.sstable._MOST_ENTRIES", 100)
    (tmp_path / "a.pb").write_bytes(graph(*(message((1, b"%d" % number)) for number in range(6))))
    with pytest.raises(InputError, match="more than 5 operations"):
        read_graph(tmp_path / "a.pb")
    (tmp_path / "b.pb").write_bytes(graph(message(*[(10, 1)] * 51)))
    with pytest.raises(InputError, match="more than 50 fields"):
        read_graph(tmp_path / "b.pb")
    entries = {b"%06d" % number: message((2, message((1, b"%d" % number)))) for number in range(60)}
    (tmp_path / "c").write_bytes(table(block(entries), block({b"x" + key: value for key, value in entries.items()})))
    with pytest.raises(InputError, match="more than 100 entries"):
        read_checkpoint_v1(tmp_path / "c")
