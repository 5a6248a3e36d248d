import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.model.stride_plan import Unit, aspp_rates, check_output_stride, padded_size, plan_units


def test_bookkeeping_by_hand():
    """The unit that gives up its stride keeps the old rate; later ones get the stride that was given up."""
    units = [Unit("a"), Unit("b", 2), Unit("c", 2, unit_rate=3), Unit("d", unit_rate=4), Unit("e", 2), Unit("f")]
    planned = plan_units(units, entry_stride=2, output_stride=4)
    assert [(unit.name, unit.stride, unit.rate, unit.output_stride) for unit in planned] == [
        ("a", 1, 1, 2), ("b", 2, 1, 4), ("c", 1, 3, 4), ("d", 1, 8, 4), ("e", 1, 2, 4), ("f", 1, 4, 4),
    ]  # fmt: skip


def test_unstrided_units_with_the_later_rate_by_hand():
    """torchvision's MobileNetV3: the unit that gives up its stride has the new rate already."""
    units = [Unit("a"), Unit("b", 2), Unit("c", 2), Unit("d", unit_rate=4), Unit("e", 2), Unit("f")]
    planned = plan_units(units, entry_stride=2, output_stride=4, unstrided_rate="after")
    assert [(unit.name, unit.stride, unit.rate) for unit in planned] == [
        ("a", 1, 1), ("b", 2, 1), ("c", 1, 2), ("d", 1, 8), ("e", 1, 4), ("f", 1, 4),
    ]  # fmt: skip


@given(st.lists(st.sampled_from([1, 2]), max_size=12), st.sampled_from([4, 8, 16, 32, 64, 128, 256]))
def test_rate_makes_up_for_every_stride_given_up(strides, output_stride):
    """A tap reaches as far in the image as in the classification network: rate x stride of the map it reads."""
    nominal, deepest = 4, 4
    for stride in strides:
        deepest *= stride
    units = [Unit(str(number), stride) for number, stride in enumerate(strides)]
    if deepest < output_stride:
        with pytest.raises(InputError, match=f"output stride {output_stride} is out of reach; .* from 4 to {deepest}"):
            plan_units(units, entry_stride=4, output_stride=output_stride)
        return
    planned = plan_units(units, entry_stride=4, output_stride=output_stride)
    read = 4
    for unit, stride in zip(planned, strides, strict=True):
        assert unit.rate * read == nominal
        assert unit.output_stride == read * unit.stride
        nominal, read = nominal * stride, unit.output_stride
    assert read == output_stride


@pytest.mark.parametrize("output_stride", [-16, 0, 1, 2, 3, 5, 12, 512])
def test_impossible_output_stride(output_stride):
    with pytest.raises(InputError, match=f"output stride {output_stride} is impossible; choose one of 4, 8, 16, 32"):
        check_output_stride(output_stride)
    with pytest.raises(InputError, match="impossible"):
        plan_units([Unit("a")], entry_stride=4, output_stride=output_stride)


@pytest.mark.parametrize(("added_blocks", "deepest"), [(0, 32), (1, 64), (2, 128), (3, 256)])
def test_each_added_block_doubles_the_deepest_output_stride(added_blocks, deepest):
    """Decision 1 of the design."""
    check_output_stride(deepest, added_blocks=added_blocks)
    with pytest.raises(InputError, match=f"output stride {2 * deepest} is impossible; choose one of 4, .*{deepest}$"):
        check_output_stride(2 * deepest, added_blocks=added_blocks)


def test_aspp_rates_scale_with_the_resolution():
    """papers.md, section 1.4, and decision 1 of the design: 96 / output stride times (1, 2, 3)."""
    rates = {stride: aspp_rates((6, 12, 18), output_stride=stride) for stride in (4, 8, 16, 32)}
    assert rates == {4: (24, 48, 72), 8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}
    assert aspp_rates((), output_stride=32) == ()


@pytest.mark.parametrize(("rate", "output_stride"), [(0, 16), (-6, 16), (1, 32), (7, 32)])
def test_rates_without_a_whole_counterpart(rate, output_stride):
    with pytest.raises(InputError, match=rf"ASPP rate {rate} .* at output stride {output_stride}; choose multiples"):
        aspp_rates((6, rate), output_stride=output_stride)


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([4, 8, 16, 32]))
def test_fitted_size_is_the_smallest_of_its_form(height, width, output_stride):
    for length, fitted in zip((height, width), padded_size((height, width), output_stride=output_stride), strict=True):
        assert (fitted - 1) % output_stride == 0
        assert length <= fitted < length + output_stride
