"""Probability and entropy against the softmax of the logits at full size, in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.ops.label_map.confidence import upsample_confidence
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from reference.operations import bilinear
from reference.placement import placed
from reference.weights import uniform


def in_float64(logits, placement):
    height, width = placement["crop"]
    values = bilinear(logits.double().numpy(), placement["size"], align_corners=placement["align_corners"])[
        ..., :height, :width
    ]
    odds = np.exp(values - values.max(axis=1, keepdims=True))
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    return probabilities.max(axis=1), -(probabilities * np.log(probabilities)).sum(axis=1)


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 6), st.integers(1, 6)),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    align_corners=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    seed=st.integers(0, 999),
)
def test_both_numbers_are_those_of_the_softmax(shape, size, align_corners, dtype, seed):
    logits = (8 * uniform(*shape, seed=seed)).to(dtype)
    placement = {"size": size, "align_corners": align_corners, "crop": (size[0], max(size[1] - 3, 1))}
    labels, probability, entropy = upsample_confidence(logits, placed(**placement))
    assert probability.dtype == entropy.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(labels, upsample_argmax(logits, placed(**placement)))
    expected = in_float64(logits, placement)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    np.testing.assert_allclose(probability, expected[0], atol=tolerance)
    np.testing.assert_allclose(entropy, expected[1], atol=tolerance)


def test_by_hand():
    logits = torch.tensor([[math.log(3), 0], [0, 0]])[None, :, None]
    labels, probability, entropy = upsample_confidence(logits, placed((1, 2), align_corners=True))
    assert labels.tolist() == [[[0, 0]]]
    assert probability.flatten().tolist() == pytest.approx([0.75, 0.5])
    assert entropy.flatten().tolist() == pytest.approx([math.log(4) - 0.75 * math.log(3), math.log(2)])


def test_masked_classes_have_no_share_and_nan_stays_nan():
    logits = uniform(1, 4, 3, 3).float()
    logits[:, 2] = -float("inf")
    masked = upsample_confidence(logits, placed((9, 9), align_corners=True))
    without = upsample_confidence(logits[:, [0, 1, 3]], placed((9, 9), align_corners=True))
    torch.testing.assert_close(masked.probability, without.probability)
    torch.testing.assert_close(masked.entropy, without.entropy)
    logits[0, 1, 0, 0] = float("nan")
    broken = upsample_confidence(logits, placed((9, 9), align_corners=True))
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[:4, :4] = True  # the pixels for which that neighbour has a weight
    assert torch.equal(broken.probability[0].isnan(), expected)
    assert torch.equal(broken.entropy[0].isnan(), expected)
    assert (broken.labels[0, :4, :4] == 1).all()
