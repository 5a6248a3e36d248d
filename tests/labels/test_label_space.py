import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace, bit_palette


def test_bit_palette_is_the_devkits():
    """Colours of PASCAL VOC's devkit, from its documentation."""
    palette = bit_palette(256)
    assert palette[:8] == (
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128),
    )  # fmt: skip
    assert palette[8] == (64, 0, 0)
    assert palette[15] == (192, 128, 128)  # person
    assert palette[20] == (0, 64, 128)  # tv monitor
    assert palette[255] == (224, 224, 192)  # void
    assert len(set(palette)) == 256
    assert bit_palette(0) == ()


def test_pascal_voc():
    assert len(PASCAL_VOC) == 21
    assert PASCAL_VOC.names[15] == "person"
    assert PASCAL_VOC.palette == bit_palette(21)
    assert PASCAL_VOC.ignore == 255


def test_a_palette_can_be_given():
    assert LabelSpace(("a", "b"), palette=((1, 2, 3), (4, 5, 6))).palette == ((1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize(("classes", "ignore"), [(1, 255), (255, 255), (256, 65535), (40000, 65535)])
def test_unnamed_leaves_room_to_ignore(classes, ignore):
    labels = LabelSpace.unnamed(classes)
    assert (len(labels), labels.ignore) == (classes, ignore)
    assert labels.names[-1] == f"class {classes - 1}"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"names": ()}, "at least one class"),
        ({"names": ("a", "")}, "each class a name"),
        ({"names": ("a", "b", "a")}, "repeated: 'a'"),
        ({"names": ("a", "b"), "palette": ((0, 0, 0),)}, "2 class names but 1 colours"),
        ({"names": ("a",), "palette": ((0, 0, 256),)}, r"in 0\.\.255"),
        ({"names": ("a",), "palette": ((-1, 0, 0),)}, r"in 0\.\.255"),
        ({"names": ("a", "b"), "ignore": 1}, "ignore value 1 must lie above the 2 class ids"),
        ({"names": ("a",), "ignore": 65536}, "below 65536"),
    ],
)
def test_contradictions(values, complaint):
    with pytest.raises(InputError, match=complaint):
        LabelSpace(**values)


@given(
    names=st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True).map(tuple),
    ignore=st.integers(5, 65535),
)
def test_round_trip_through_json(names, ignore):
    labels = LabelSpace(names, ignore=ignore)
    assert LabelSpace.from_json(json.loads(json.dumps(labels.to_json()))) == labels


def test_json_by_hand():
    expected = {"names": ["sky", "road"], "palette": [[1, 2, 3], [4, 5, 6]], "ignore": 7}
    assert LabelSpace(("sky", "road"), palette=((1, 2, 3), (4, 5, 6)), ignore=7).to_json() == expected


@pytest.mark.parametrize(
    "data",
    [
        {}, {"names": "ab"}, {"names": [1, 2]}, {"names": ["a"], "palette": [[0, 0]]},
        {"names": ["a"], "palette": [[0, 0, 0.5]]}, {"names": ["a"], "palette": [[0, 0, True]]}, {"names": None},
        {"names": ["a"], "palette": 3}, {"names": ["a"], "ignore": "255"}, {"names": ["a"], "extra": 1},
        {"names": ["a"], "palette": [["0", "0", "0"]]}, {"names": ["a", "a"]},
    ],
)  # fmt: skip
def test_junk_is_refused(data):
    with pytest.raises(InputError):
        LabelSpace.from_json(data)
