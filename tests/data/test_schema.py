from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.schema import Schema, apply_schema, read_schema, write_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace

CRACKS = LabelSpace(names=("background", "crack"))


def written(folder: Path, text: str) -> Path:
    path = folder / "schema.toml"
    path.write_text(text)
    return path


def test_every_key_is_read(tmp_path):
    keys = 'classes = ["road", "<script>"]\ncolors = [[1, 2, 3], [255, 0, 9]]\nignore = 7\n'
    path = written(tmp_path, f"{keys}[remap]\n10 = 0\n255 = 1\n3 = 7\n")
    assert read_schema(path) == Schema(
        LabelSpace(names=("road", "<script>"), palette=((1, 2, 3), (255, 0, 9)), ignore=7), {10: 0, 255: 1, 3: 7}
    )


def test_only_classes_are_needed(tmp_path):
    assert read_schema(written(tmp_path, 'classes = ["background", "crack"]')) == Schema(CRACKS)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "classes"),
        ("classes = []", "classes"),
        ('classes = "crack"', "classes"),
        ("classes = [1, 2]", "classes"),
        ('classes = ["a", "a"]', "repeated: 'a'"),
        ('classes = ["a", " "]', "not a printable name"),
        ('classes = ["a", "b\\nc"]', "not a printable name"),
        ('classes = ["a"]\ncolors = [[1, 2]]', "colors"),
        ('classes = ["a"]\ncolors = [[1, 2, 3], [4, 5, 6]]', "colours"),
        ('classes = ["a"]\ncolors = [[1, 2, 300]]', "0..255"),
        ('classes = ["a"]\ncolors = [[1, 2, 3.5]]', "colors: 3.5"),
        ('classes = ["a", "b"]\nignore = 1', "ignore value 1"),
        ('classes = ["a"]\nignore = true', "ignore: True"),
        ('classes = ["a"]\nignore = "255"', "ignore: '255'"),
        ('classes = ["a"]\nignored = 255', "unknown key 'ignored'"),
        ('classes = ["a"]\nremap = [1]', "remap"),
        ('classes = ["a"]\n[remap]\nx = 0', "remap: 'x'"),
        ('classes = ["a"]\n[remap]\n-1 = 0', "remap: '-1'"),
        ('classes = ["a"]\n[remap]\n70000 = 0', "70000"),
        ('classes = ["a"]\n[remap]\n7 = 1', "7 = 1 is neither a class id"),
        ('classes = ["a"]\n[remap]\n7 = "a"', "remap: 7"),
        ('classes = ["a"]\n[remap]\n7 = 0\n07 = 255', "listed twice"),
        ("classes = [", "not valid TOML"),
        ("classes = " + "[" * 9999, "schema.toml"),
    ],
)
def test_mistakes_are_named_on_one_line(tmp_path, text, part):
    path = written(tmp_path, text)
    with pytest.raises(InputError) as error:
        read_schema(path)
    assert str(path) in str(error.value)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_binary_schemas(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_schema(tmp_path / "schema.toml")
    (tmp_path / "schema.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not valid TOML"):
        read_schema(tmp_path / "schema.toml")


PRINTABLE = st.text(min_size=1, max_size=12).filter(lambda name: name.isprintable() and name.strip())


@given(
    names=st.lists(PRINTABLE, min_size=1, max_size=5, unique=True),
    ignore=st.integers(5, 65535),
    data=st.data(),
)
def test_what_is_written_reads_back_equal(tmp_path_factory, names, ignore, data):
    palette = tuple(data.draw(st.tuples(*[st.integers(0, 255)] * 3)) for _ in names)
    targets = st.one_of(st.integers(0, len(names) - 1), st.just(ignore))
    remap = data.draw(st.dictionaries(st.integers(0, 65535), targets, max_size=5))
    schema = Schema(LabelSpace(names=tuple(names), palette=palette, ignore=ignore), remap)
    path = tmp_path_factory.mktemp("schema") / "schema.toml"
    write_schema(path, schema)
    assert read_schema(path) == schema


def test_values_are_mapped_one_by_one(tmp_path):
    schema = Schema(CRACKS, {0: 0, 128: 1, 9: 255})
    values = np.array([[0, 128, 255], [9, 128, 0]], np.uint8)
    labels = apply_schema(values, schema=schema, path=tmp_path)
    assert labels.tolist() == [[0, 1, 255], [255, 1, 0]]
    assert labels.dtype == np.uint8


def test_remap_may_turn_the_ignore_value_into_a_class(tmp_path):
    values = np.array([[0, 255]], np.uint8)
    assert apply_schema(values, schema=Schema(CRACKS, {0: 0, 255: 1}), path=tmp_path).tolist() == [[0, 1]]


def test_many_classes_need_wide_labels(tmp_path):
    space = LabelSpace.unnamed(300)
    labels = apply_schema(np.array([[299, 65535]], np.uint16), schema=Schema(space), path=tmp_path)
    assert labels.tolist() == [[299, 65535]]
    assert labels.dtype == np.int32


def test_stray_values_are_counted():
    values = np.array([[0, 1, 7], [7, 255, 9]], np.uint8)
    with pytest.raises(InputError) as error:
        apply_schema(values, schema=Schema(CRACKS), path=Path("masks/a.png"))
    for part in ("masks/a.png", "value 7 (2 pixels)", "value 9 (1 pixel)", "0..1", "255", "[remap]"):
        assert part in str(error.value)


def test_with_a_remap_unlisted_values_are_stray_even_if_they_are_ids():
    with pytest.raises(InputError, match=r"value 1 \(1 pixel\)"):
        apply_schema(np.array([[0, 1]], np.uint8), schema=Schema(CRACKS, {0: 0, 128: 1}), path=Path("a.png"))


@given(
    values=st.lists(st.integers(0, 65535), min_size=1, max_size=30),
    remap=st.dictionaries(st.integers(0, 65535), st.sampled_from([0, 1, 255]), max_size=20),
)
def test_mapping_equals_the_plain_definition(values, remap):
    schema = Schema(CRACKS, remap)
    table = {255: 255, **(remap or {0: 0, 1: 1})}
    array = np.array([values], np.uint16)
    if all(value in table for value in values):
        assert apply_schema(array, schema=schema, path=Path("a")).tolist() == [[table[value] for value in values]]
    else:
        with pytest.raises(InputError, match="a has value"):
            apply_schema(array, schema=schema, path=Path("a"))
