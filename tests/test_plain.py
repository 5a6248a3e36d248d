import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.model.compatibility import Compatibility
from atrous.model.config import (
    ASPPConfig,
    DecoderConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import Conventions
from atrous.model.presets import PRESETS
from atrous.plain import first_difference, from_plain, to_plain

layers = st.lists(
    st.tuples(st.sampled_from([1, 3, 5]), st.integers(1, 512), st.booleans()), min_size=1, max_size=3
).map(tuple)
positive = st.floats(1e-6, 1e3)
colours = st.one_of(st.tuples(positive), st.tuples(positive, positive, positive))

configs = st.builds(
    ModelConfig,
    backbone=st.one_of(
        st.builds(MobileNetV2Config, st.floats(0.01, 8), st.one_of(st.none(), st.integers(1, 256))),
        st.builds(
            MobileNetV3Config,
            st.just("large"),
            st.floats(0.01, 8),
            st.floats(0.01, 8),
        ),
        st.builds(
            ResNetConfig,
            st.sampled_from([50, 101]),
            st.tuples(*[st.integers(1, 8)] * 3),
            st.sampled_from(["7x7", "beta"]),
            st.integers(0, 3),
        ),
        st.builds(XceptionConfig, st.sampled_from([41, 65, 71])),
    ),
    head=st.builds(
        ASPPConfig,
        rates=st.lists(st.integers(1, 32).map(lambda rate: 2 * rate), max_size=4).map(tuple),
        aspp_channels=st.integers(1, 512),
        image_pooling=st.booleans(),
        separable=st.booleans(),
        projection=layers,
        dropout=st.floats(0, 0.9),
    ),
    decoder=st.one_of(
        st.none(),
        st.builds(DecoderConfig, st.integers(1, 64), layers),
        st.builds(DecoderConfig, st.integers(1, 64), layers, st.integers(1, 64), layers),
    ),
    conventions=st.builds(
        Conventions,
        conv_padding=st.sampled_from(["symmetric", "same"]),
        align_corners=st.booleans(),
        fit=st.sampled_from(["os*k+1", "none"]),
        stride_unit=st.sampled_from(["first", "last"]),
        backbone_epsilon=positive,
        input_mean=colours,
        input_std=colours,
    ),
    compatibility=st.builds(
        Compatibility,
        between_separable=st.sampled_from(["norm and relu", "nothing"]),
        pool_window=st.one_of(st.none(), st.tuples(st.integers(1, 2000), st.integers(1, 2000))),
    ),
    classes=st.integers(1, 32767),
    output_stride=st.sampled_from([4, 8, 16, 32]),
    in_channels=st.integers(1, 8),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


# The type checker of the tests picks at random which element of a list it looks at.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@given(configs)
def test_round_trip_through_json(config):
    assert from_plain(ModelConfig, json.loads(json.dumps(to_plain(config))), where="config") == config


def test_plain_form_by_hand():
    config = replace(PRESETS["deeplabv3_resnet50"], head=ASPPConfig(rates=(6,)))
    plain = to_plain(config)
    assert plain["backbone"] == {
        "kind": "resnet",
        "depth": 50,
        "multi_grid": [1, 1, 1],
        "stem": "7x7",
        "added_blocks": 0,
        "depth_multiplier": 1.0,
    }
    assert plain["head"] == {
        "rates": [6], "aspp_channels": 256, "image_pooling": True, "separable": False,
        "projection": [[1, 256, False]], "dropout": 0.1,
    }  # fmt: skip
    assert plain["decoder"] is None
    assert plain["classes"] == 21


def places(value, path=()):
    """Every place in nested plain values."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def holds(whole, part):
    """Whether `whole` says what `part` says; what `part` leaves out took its default."""
    if isinstance(part, dict):
        return all(holds(whole[key], value) for key, value in part.items())
    return whole == part


@given(st.data(), json_values)
def test_junk_anywhere_is_refused_or_what_the_types_say(data, junk):
    """Never an error but InputError, never a value that would not be written the same way again."""
    plain = to_plain(PRESETS["deeplabv3plus_mobilenet_v2"])
    broken = replaced(plain, data.draw(st.sampled_from(list(places(plain)))), junk)
    try:
        config = from_plain(ModelConfig, broken, where="file.json")
    except InputError:
        return
    assert holds(to_plain(config), broken)


def test_heads_are_told_apart():
    """ASPP has no `kind`, as in files from before there was another head."""
    config = PRESETS["lraspp_mobilenet_v3"]
    plain = to_plain(config)
    assert plain["head"] == {
        "kind": "lraspp", "aspp_channels": 128, "pool_stride": [128, 160], "gate": "sigmoid",
    }  # fmt: skip
    assert plain["compatibility"]["middle_level"] == [5, "output"]
    assert from_plain(ModelConfig, plain, where="file") == config
    assert from_plain(ModelConfig, {**plain, "head": {}}, where="file").head == ASPPConfig()
    assert from_plain(ModelConfig, {**plain, "head": {"kind": "lraspp"}}, where="file").head == LRASPPConfig()


def test_a_cascade_has_no_aspp_and_says_so():
    config = PRESETS["deeplabv3_cascade_resnet50"]
    plain = to_plain(config)
    assert plain["head"] is None
    assert plain["backbone"]["added_blocks"] == 3
    assert from_plain(ModelConfig, plain, where="file") == config
    without = {key: value for key, value in plain.items() if key != "head"}
    assert from_plain(ModelConfig, without, where="file").head == ASPPConfig()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"colour": 1}, "file.json: unknown field 'colour'; known: backbone, head"),
        ({"classes": "21"}, "file.json: classes: expected int, found '21'"),
        ({"classes": True}, "classes: expected int, found True"),
        ({"classes": 21.0}, "classes: expected int, found 21.0"),
        ({"backbone": {"kind": "vgg"}}, "backbone: kind 'vgg' is none of mobilenet_v2, mobilenet_v3, resnet, "),
        ({"backbone": {"kind": ["resnet"]}}, "backbone: kind .* is none of"),
        ({"backbone": {}}, "backbone: kind None is none of"),
        ({"backbone": {"kind": "resnet", "depth": 35}}, "depth: 35 is none of 18, 34, 50, 101, 152"),
        ({"backbone": {"kind": "resnet", "multi_grid": [1, 2]}}, "multi_grid: expected 3 values, found 2"),
        ({"backbone": {"kind": "resnet", "stem": "3x3"}}, "stem: '3x3' is none of '7x7', 'beta'"),
        ({"backbone": {"kind": "mobilenet_v2", "depth_multiplier": math.nan}}, "expected a finite number, found nan"),
        ({"backbone": {"kind": "mobilenet_v2", "depth_multiplier": 10**400}}, "expected a finite number, found 1000"),
        ({"backbone": {"kind": "mobilenet_v2", "depth_multiplier": True}}, "expected a finite number, found True"),
        ({"backbone": 3}, "backbone: 3 does not fit"),
        ({"head": {"kind": "aspp"}}, "head: unknown field 'kind'"),
        ({"head": {"kind": "lraspp", "rates": []}}, "head: unknown field 'rates'; known: aspp_channels, pool_stride"),
        ({"compatibility": {"pool_window": [1]}}, r"pool_window: \[1\] does not fit"),
        ({"compatibility": {"middle_level": [7, "input"]}}, "middle_level: .* does not fit"),
        ({"head": []}, r"head: \[\] does not fit"),
        ({"head": {"rates": 6}}, "rates: expected a list, found 6"),
        ({"decoder": "yes"}, "decoder: 'yes' does not fit"),
        ({"conventions": {"fit": "x" * 500}}, "fit: 'x{79} is none of"),
        ({"conventions": {"fit": "a\nb"}}, r"fit: 'a\\nb' is none of"),
    ],
)
def test_errors_name_file_field_and_value(change, complaint):
    plain = to_plain(PRESETS["deeplabv3_mobilenet_v2"])
    with pytest.raises(InputError, match=complaint):
        from_plain(ModelConfig, {**plain, **change}, where="file.json")


def test_missing_fields_take_their_default_or_are_an_error():
    backbone = {"kind": "resnet"}
    assert from_plain(ModelConfig, {"backbone": backbone}, where="file.json") == ModelConfig(ResNetConfig())
    with pytest.raises(InputError, match=r"file\.json: field 'backbone' is missing"):
        from_plain(ModelConfig, {}, where="file.json")


@dataclass(frozen=True)
class Sample:
    ratio: float
    mode: Literal["a", 1]
    names: tuple[str, ...] = ()
    limit: int | str | None = None


def test_whole_numbers_are_floats_where_floats_are_meant():
    sample = from_plain(Sample, {"ratio": 3, "mode": 1, "names": ["x"], "limit": None}, where="file")
    assert sample == Sample(3.0, 1, ("x",))
    assert type(sample.ratio) is float
    assert from_plain(Sample, {"ratio": 3, "mode": "a", "limit": "3"}, where="file").limit == "3"


def test_a_literal_is_matched_by_type_too():
    with pytest.raises(InputError, match="mode: True is none of 'a', 1"):
        from_plain(Sample, {"ratio": 1.0, "mode": True}, where="file")


def test_mappings_get_text_keys():
    assert to_plain({9: (0.5, 1), "x": None}) == {"9": [0.5, 1], "x": None}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, ("b c", 2, 3)),
        ({"a": 1, "z": 1}, {"a": 2, "z": 2}, ("a", 1, 2)),
        ({"a": 1}, {"a": 1, "b": 2}, ("b", None, 2)),
        ({"a": 1, "b": 2}, {"a": 1}, ("b", 2, None)),
        ({"a": {"free": 1}}, {"a": {"free": 2}}, None),
        ([1, 2], [1, 3], ("", [1, 2], [1, 3])),
        ({"a": {}}, {"a": 5}, ("a", {}, 5)),
    ],
)
def test_the_first_difference_is_named_from_the_outside_in(first, second, expected):
    assert first_difference(first, second, free=("free",)) == expected


def test_mappings_hold_what_their_type_says():
    @dataclass(frozen=True)
    class Numbers:
        by_name: Mapping[str, float | None]
        anything: Mapping[str, Any]

    data = {"by_name": {"a": 1, "b": None}, "anything": {"x": [{"y": "z"}]}}
    assert to_plain(from_plain(Numbers, data, where="n")) == data
    with pytest.raises(InputError, match="n: by_name: c: 'high' does not fit"):
        from_plain(Numbers, {**data, "by_name": {"c": "high"}}, where="n")
    with pytest.raises(InputError, match="n: anything: expected an object, found 3"):
        from_plain(Numbers, {**data, "anything": 3}, where="n")


def test_what_is_too_deep_to_be_shown_is_one_line():
    nested = []
    for _ in range(10_000):
        nested = [nested]
    with pytest.raises(InputError, match=r"^its header: nested deeper than any real one$"):
        from_plain(int, nested, where="its header")
