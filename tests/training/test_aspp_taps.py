"""Taps of ASPP that crops do not reach: which start at 0, and what larger pictures get from them."""

from dataclasses import replace

import pytest
import torch

from atrous.analysis.valid_taps import mean_valid_share
from atrous.model.build import build
from atrous.model.config import ASPPConfig
from atrous.training.aspp_taps import zero_unreached_taps
from atrous.training.start import fresh_state
from fakes.run import CONFIG, CPU, MODEL, small_data


def network(*, separable=False, output_stride=16):
    torch.manual_seed(0)
    head = replace(ASPPConfig(), aspp_channels=8, separable=separable)
    return build(replace(MODEL, head=head, output_stride=output_stride)).eval()


def outer(model):
    """Share of outer taps above and below the centre, beside it, and in the corners, that are not 0, by rate."""
    found = {}
    for name in ("aspp1", "aspp2", "aspp3"):
        branch = model.aspp.branches[name]
        conv = branch.depthwise.conv if hasattr(branch, "depthwise") else branch.conv
        nonzero = (conv.weight != 0).float().mean((0, 1))
        assert nonzero[1, 1] == 1
        found[conv.dilation[0]] = (nonzero[0, 1].item(), nonzero[1, 0].item(), nonzero[2, 2].item())
    return found


# Counted by hand: 513 is 33 features, of which 15 have a neighbour at a distance of 18; 321 is 21: 3 at 18, 9 at 12.
# 225 is 15: 3 at 12, 9 at 6. 65 is 5: none at 6. At output stride 8, 513 is 65: 29 at 36.
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(
    ("crop", "output_stride", "changed"),
    [
        ((513, 513), 16, ()), ((513, 513), 8, ()), ((321, 321), 16, (18,)), ((225, 225), 16, (12, 18)),
        ((225, 225), 8, (24, 36)), ((65, 65), 16, (6, 12, 18)),
    ],
)  # fmt: skip
def test_rates_beyond_two_thirds_of_the_features_start_at_0(crop, output_stride, changed, separable):
    model = network(separable=separable, output_stride=output_stride)
    assert zero_unreached_taps(model, crop=crop) == changed
    for rate, shares in outer(model).items():
        assert shares == ((0, 0, 0) if rate in changed else (1, 1, 1))


def test_rows_and_columns_are_judged_by_themselves():
    model = network()
    assert zero_unreached_taps(model, crop=(225, 513)) == (12, 18)
    assert outer(model) == {6: (1, 1, 1), 12: (0, 1, 0), 18: (0, 1, 0)}


def test_a_crop_has_the_logits_that_it_had():
    # Rates that no feature of the crop has a neighbour at: then the outer taps lie in the padding alone.
    crop, images = (97, 97), torch.rand(1, 3, 97, 97) * 255
    assert mean_valid_share((7, 7), rate=12) == pytest.approx(1 / 9)  # the centre tap alone
    model = network()
    model.aspp.branches["aspp1"].conv.weight.data[:, :, ::2] = 0  # rate 6 reaches a row of seven
    model.aspp.branches["aspp1"].conv.weight.data[:, :, :, ::2] = 0
    before, whole = model(images), model(torch.nn.functional.pad(images, (0, 192, 0, 192)))
    assert zero_unreached_taps(model, crop=crop) == (6, 12, 18)
    torch.testing.assert_close(model(images), before, rtol=0, atol=1e-5)
    assert not torch.allclose(model(torch.nn.functional.pad(images, (0, 192, 0, 192))), whole, atol=1e-3)


def test_a_network_without_aspp_stays():
    model = build(replace(MODEL, head=None, decoder=None))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert zero_unreached_taps(model, crop=(33, 33)) == ()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_fresh_run_says_it_and_one_that_goes_on_does_not(tmp_path, caplog):
    data = small_data(tmp_path)
    state = fresh_state(CONFIG, data=data, device=CPU)
    assert outer(state.model) == dict.fromkeys((6, 12, 18), (0, 0, 0))
    assert "ASPP's outer taps at rates 6, 12, 18 start at 0: crops of 17x17 hardly train them" in caplog.text
    caplog.clear()
    fresh_state(CONFIG, data=data, device=CPU, fresh=False)  # to be filled from a run folder
    assert caplog.text == ""
