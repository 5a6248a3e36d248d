import math

import numpy as np
import pytest
import torch

from atrous.ops import upsample_cross_entropy
from reference.operations import bilinear, cross_entropy
from reference.weights import uniform


def labels(*shape, classes=3, ignore=255, seed=0):
    """A quarter is not labelled."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, shape, generator=generator)
    target[torch.rand(shape, generator=generator) < 0.25] = ignore
    return target


def test_two_pixels_by_hand():
    logits = torch.tensor([[[[math.log(3.0), 0.0]], [[0.0, 0.0]]]])  # class 0: 3/4 and 1/2
    target = torch.tensor([[[0, 1]]])
    loss = upsample_cross_entropy(logits, target, size=(1, 2), align_corners=True)
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


@pytest.mark.parametrize("class_weights", [None, [1.0, 0.25, 3.0]])
@pytest.mark.parametrize("crop", [None, (9, 7)])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("coarse", "size"), [((3, 4), (11, 13)), ((1, 1), (10, 9)), ((1, 3), (9, 7))])
def test_definition(coarse, size, align_corners, crop, class_weights):
    logits = 3 * uniform(2, 3, *coarse)
    target = labels(2, *(crop or size))
    rows, columns = crop or size
    full = bilinear(logits.numpy(), size, align_corners=align_corners)[..., :rows, :columns]
    expected = cross_entropy(full, target.numpy(), ignore=255, class_weights=class_weights)
    loss = upsample_cross_entropy(
        logits,
        target,
        size=size,
        align_corners=align_corners,
        crop=crop,
        class_weights=None if class_weights is None else torch.tensor(class_weights),
    )
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_labels_of_any_integer_type(dtype):
    logits, target = uniform(1, 3, 2, 2), labels(1, 5, 5)
    lies = {"size": (5, 5), "align_corners": True}
    assert torch.equal(
        upsample_cross_entropy(logits, target.to(dtype), **lies), upsample_cross_entropy(logits, target, **lies)
    )


@pytest.mark.parametrize("ignore", [255, 65535, -1])
def test_ignored_pixels_have_no_say(ignore):
    logits = uniform(1, 3, 2, 2).requires_grad_()
    target = labels(1, 2, 2, ignore=ignore, seed=2)
    ignored = (target == ignore)[0]
    assert 0 < ignored.sum() < 4
    loss = upsample_cross_entropy(logits, target, size=(2, 2), align_corners=True, ignore=ignore)
    loss.backward()
    assert (logits.grad[0][:, ignored] == 0).all()
    assert (logits.grad[0][:, ~ignored] != 0).all()
    expected = cross_entropy(logits.detach().numpy(), target.numpy(), ignore=ignore)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("class_weights", [None, torch.tensor([0.5, 1.0, 2.0])])
def test_nothing_labelled_is_zero_with_zero_gradients(class_weights):
    logits = uniform(2, 3, 2, 2).requires_grad_()
    target = torch.full((2, 6, 6), 255)
    loss = upsample_cross_entropy(logits, target, size=(6, 6), align_corners=True, class_weights=class_weights)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("align_corners", [False, True])
def test_gradients(align_corners):
    target, weights = labels(2, 5, 6), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def loss(logits):
        return upsample_cross_entropy(
            logits, target, size=(7, 7), align_corners=align_corners, crop=(5, 6), class_weights=weights
        )

    assert torch.autograd.gradcheck(loss, (uniform(2, 3, 2, 3).requires_grad_(),))


def test_half_precision_logits_are_summed_in_single():
    """65536 pixels of loss log 2 sum to 45426 and count to more than half precision holds."""
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.bfloat16)
    target = torch.zeros(1, 256, 256, dtype=torch.uint8)
    loss = upsample_cross_entropy(logits, target, size=(256, 256), align_corners=True)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)


def test_confident_logits_stay_finite():
    logits = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1).requires_grad_()
    loss = upsample_cross_entropy(logits, torch.ones(1, 3, 3).long(), size=(3, 3), align_corners=True)
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert np.allclose(logits.grad.flatten(), [1, -1])
