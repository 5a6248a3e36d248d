"""Half precision: what it changes, and that `auto` takes it only where labels agree."""

import numpy as np
import pytest
import torch

import atrous
from atrous.data.formats.windows import ArrayPixels
from atrous.inference.precision import (
    MAX_DISAGREEMENT,
    check_precision,
    choose_precision,
    generated_images,
    in_precision,
)
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.regions import joined_label_rows
from atrous.inference.tiling.tiles import Tiling
from fakes.lively_model import blocks, lively_model

ARRAY = np.ascontiguousarray(blocks(97, 129)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("name", ["deeplabv3_mobilenet_v2", "deeplabv3plus_mobilenet_v2"])
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_is_close_to_float32(name, precision):
    model = lively_model(name)
    exact, half = Predictor(model), Predictor(model, precision=precision)
    assert {tensor.dtype for tensor in half.model.state_dict().values()} == {getattr(torch, precision)}
    difference = np.abs(half.probabilities(ARRAY) - exact.probabilities(ARRAY)).mean()
    assert 0 < difference < (0.01 if precision == "float16" else 0.08)  # 11 and 8 bits through random layers
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_tiles_are_computed_in_the_same_precision():
    model, tiling = lively_model(), Tiling(size=4096)
    half = Predictor(model, precision="bfloat16")
    strips = list(joined_label_rows(half.regions(ArrayPixels(ARRAY), tiling=tiling), width=129))
    np.testing.assert_array_equal(np.concatenate(strips), half(ARRAY).labels)
    assert (half(ARRAY).labels != Predictor(model)(ARRAY).labels).any()


def test_auto_takes_the_first_type_that_agrees():
    model = lively_model().eval()
    with torch.no_grad():  # as sure of itself as a trained network
        model.classifier.weight.mul_(0.05)
        model.classifier.bias.copy_(torch.tensor([0.0, 0.5, 1.0, 1.5]))
    choice = choose_precision(model, candidates=("float16", "bfloat16"))
    assert choice.precision == "float16", choice.reason
    images = generated_images(3)
    with torch.inference_mode():
        labels = [network.logits(images).argmax(dim=1) for network in (model, in_precision(model, torch.float16))]
    share = (labels[0] != labels[1]).float().mean()
    assert share <= MAX_DISAGREEMENT
    assert f"{float(share):.3%} of labels differ" in choice.reason


def test_overflow_and_disagreement_fall_back():
    overflowing = lively_model().eval()
    with torch.no_grad():
        overflowing.classifier.weight.mul_(1e8)
    assert choose_precision(overflowing, candidates=("float16",)) == ("float32", "float16: overflow")
    unstable = lively_model().eval()
    with torch.no_grad():  # two classes that differ by less than bfloat16 resolves
        unstable.classifier.weight[:] = unstable.classifier.weight[:1]
        unstable.classifier.weight[1] *= 1 + 1e-4
        unstable.classifier.bias.zero_()
    choice = choose_precision(unstable, candidates=("bfloat16",))
    assert choice.precision == "float32"
    assert choice.reason.startswith("bfloat16: ")
    assert "of labels differ" in choice.reason


def test_auto_on_a_cpu_is_float32_and_says_so():
    predictor = Predictor(lively_model(), precision="auto")
    assert predictor.precision == "float32"
    assert predictor.precision_reason == "no other number type is tried on cpu"
    assert Predictor(lively_model()).precision_reason == ""


def test_the_images_of_the_choice_are_always_the_same():
    images = generated_images(3)
    torch.manual_seed(5)
    assert torch.equal(images, generated_images(3))
    assert images.float().std() > 40
    assert generated_images(5).shape[1] == 5


def test_other_names_are_refused():
    with pytest.raises(atrous.InputError, match="precision 'half' is none of auto, float32, float16, bfloat16"):
        check_precision("half")
