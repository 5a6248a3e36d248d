"""The fused distillation against torch's own interpolation, softmax and divergence, in float64."""

import inspect
import math

import pytest
import torch
import torch.nn.functional as F

from atrous.errors import InputError
from atrous.ops.loss import distillation
from atrous.ops.loss.distillation import upsample_distillation
from reference.placement import placed
from reference.weights import uniform


def test_three_pixels_by_hand():
    """Of a teacher sure to 3/4, 1/2 and 3/4, the last pixel being ignored, the first alone reaches 0.7."""
    teacher = torch.tensor([[[[math.log(3.0), 0.0, math.log(3.0)]], [[0.0, 0.0, 0.0]]]], dtype=torch.float64)
    logits = torch.tensor([[[[0.0, 5.0, 5.0]], [[math.log(4.0), 0.0, 0.0]]]], dtype=torch.float64).requires_grad_()
    pixels = torch.tensor([[[True, True, False]]])
    placement = placed((1, 3), align_corners=True)
    total, count = upsample_distillation(logits, teacher, pixels, placement, placement, confidence=0.7)
    assert count.item() == 1
    assert total.item() == pytest.approx(-(3 / 4 * math.log(1 / 5) + 1 / 4 * math.log(4 / 5)))
    total.backward()
    assert logits.grad is not None
    expected = torch.tensor([[[[1 / 5 - 3 / 4, 0, 0]], [[4 / 5 - 1 / 4, 0, 0]]]], dtype=torch.float64)
    torch.testing.assert_close(logits.grad, expected)


def definition(logits, teacher_logits, pixels, *, size, align_corners, confidence, raised_by=None):
    """Kullback-Leibler divergence plus the entropy of the targets, over all classes at full size."""
    rows, columns = pixels.shape[1:]
    full, target = (
        F.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)[..., :rows, :columns]
        for maps in (logits, teacher_logits)
    )
    counted = pixels & (target.softmax(1).amax(1) >= confidence)
    target = (target if raised_by is None else target + raised_by[:, None, None]).softmax(1)
    divergence = F.kl_div(full.log_softmax(1), target, reduction="none").sum(1)
    entropy = -(target * target.log()).sum(1)
    return ((divergence + entropy) * counted).sum(), counted.sum()


@pytest.mark.parametrize("confidence", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("crop", [(23, 19), (20, 17)])
def test_sum_and_gradient_are_those_of_the_definition(crop, align_corners, confidence, monkeypatch):
    monkeypatch.setattr(distillation, "BAND_FLOATS", 300)  # several bands
    size = (23, 19)
    logits, teacher = 3 * uniform(2, 5, 6, 5), 6 * uniform(2, 5, 3, 4, seed=1)
    pixels = uniform(2, *crop, seed=2, low=0, high=1) < 0.8
    found, expected = (logits.clone().requires_grad_() for _ in range(2))
    placement = placed(size, align_corners=align_corners, crop=crop)
    total, count = upsample_distillation(found, teacher, pixels, placement, placement, confidence=confidence)
    reference, number = definition(
        expected, teacher, pixels, size=size, align_corners=align_corners, confidence=confidence
    )
    assert count.item() == number.item()
    assert (0 < number < pixels.sum()) == (confidence == 0.6)
    assert total.item() == pytest.approx(reference.item(), rel=1e-12, abs=1e-12)
    (0.3 * total).backward()
    (0.3 * reference).backward()
    torch.testing.assert_close(found.grad, expected.grad, rtol=1e-10, atol=1e-12)


def test_raised_targets_count_where_the_teacher_as_it_is_is_confident():
    size = (23, 19)
    logits, teacher = 3 * uniform(2, 5, 6, 5), 6 * uniform(2, 5, 3, 4, seed=1)
    pixels = torch.ones(2, *size, dtype=torch.bool)
    raised_by = torch.tensor([0.0, 2.0, -1.0, 0.5, 3.0], dtype=torch.float64)
    placement = placed(size, align_corners=True)
    found, expected = (logits.clone().requires_grad_() for _ in range(2))
    total, count = upsample_distillation(
        found, teacher, pixels, placement, placement, confidence=0.6, raised_by=raised_by
    )
    reference, number = definition(
        expected, teacher, pixels, size=size, align_corners=True, confidence=0.6, raised_by=raised_by
    )
    assert 0 < count.item() == number.item() < pixels.sum()
    assert total.item() == pytest.approx(reference.item(), rel=1e-12)
    total.backward()
    reference.backward()
    torch.testing.assert_close(found.grad, expected.grad, rtol=1e-10, atol=1e-12)


def test_targets_of_one_and_zero_are_labels():
    logits = uniform(1, 4, 5, 5)
    labels = torch.randint(0, 4, (1, 5, 5), generator=torch.Generator().manual_seed(0))
    teacher = 1e4 * F.one_hot(labels, 4).movedim(3, 1).to(logits)
    placement = placed((5, 5), align_corners=True)
    total, count = upsample_distillation(logits, teacher, labels >= 0, placement, placement, confidence=0.9)
    assert count.item() == 25
    assert total.item() == pytest.approx(F.cross_entropy(logits, labels, reduction="sum").item(), rel=1e-12)


def test_half_precision_is_computed_in_single():
    logits, teacher = (3 * uniform(1, 5, 4, 4, seed=seed).bfloat16() for seed in (0, 1))
    placement, pixels = placed((13, 13), align_corners=True), torch.ones(1, 13, 13, dtype=torch.bool)
    total, _ = upsample_distillation(logits.requires_grad_(), teacher, pixels, placement, placement, confidence=0.3)
    single, _ = upsample_distillation(logits.float(), teacher.float(), pixels, placement, placement, confidence=0.3)
    assert total.dtype == torch.float32
    assert total.item() == single.item()
    total.backward()
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


def test_a_teacher_that_is_not_finite_is_not_passed_over():
    logits, teacher = uniform(1, 3, 2, 2), uniform(1, 3, 2, 2)
    teacher[0, 1, 0, 0] = float("nan")
    placement, pixels = placed((5, 5), align_corners=True), torch.ones(1, 5, 5, dtype=torch.bool)
    assert upsample_distillation(logits, teacher, pixels, placement, placement, confidence=0.5)[0].isnan()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence": 1.5}, "confidence 1.5 is out of range"),
        ({"teacher_logits": torch.zeros(1, 4, 2, 2)}, "both need the same images and classes"),
        ({"pixels": torch.ones(1, 4, 5, dtype=torch.bool)}, r"pixels of shape \(1, 4, 5\) do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    placement = placed((5, 5), align_corners=True)
    arguments = {
        "logits": torch.zeros(1, 3, 2, 2),
        "teacher_logits": torch.zeros(1, 3, 2, 2),
        "pixels": torch.ones(1, 5, 5, dtype=torch.bool),
        "placement": placement,
        "teacher_placement": placement,
    }
    with pytest.raises(InputError, match=message):
        inspect.unwrap(upsample_distillation)(**{**arguments, **change})
