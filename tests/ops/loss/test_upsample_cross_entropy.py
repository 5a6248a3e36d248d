import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from atrous.errors import InputError
from atrous.ops.loss import bands as cross_entropy_bands
from atrous.ops.loss.upsample_cross_entropy import upsample_cross_entropy
from reference.operations import bilinear, cross_entropy
from reference.placement import placed
from reference.weights import uniform

FORMATS = {
    "contiguous": lambda x: x.contiguous(),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "every second column": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
}


def loss_at(logits, target, *, size, align_corners, crop=None, **arguments):
    """The loss, with the placement in single arguments, as `plain` below has them."""
    return upsample_cross_entropy(logits, target, placed(size, align_corners=align_corners, crop=crop), **arguments)


def labels(*shape, classes=3, ignore=255, seed=0):
    """A quarter is not labelled."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, shape, generator=generator)
    target[torch.rand(shape, generator=generator) < 0.25] = ignore
    return target


def test_two_pixels_by_hand():
    logits = torch.tensor([[[[math.log(3.0), 0.0]], [[0.0, 0.0]]]])  # class 0: 3/4 and 1/2
    target = torch.tensor([[[0, 1]]])
    loss = loss_at(logits, target, size=(1, 2), align_corners=True)
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
    loss = loss_at(
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
    placement = {"size": (5, 5), "align_corners": True}
    assert torch.equal(
        loss_at(logits, target.to(dtype), **placement),
        loss_at(logits, target, **placement),
    )


@pytest.mark.parametrize("ignore", [255, 65535, -1])
def test_ignored_pixels_have_no_say(ignore):
    logits = uniform(1, 3, 2, 2).requires_grad_()
    target = labels(1, 2, 2, ignore=ignore, seed=2)
    ignored = (target == ignore)[0]
    assert 0 < ignored.sum() < 4
    loss = loss_at(logits, target, size=(2, 2), align_corners=True, ignore=ignore)
    loss.backward()
    assert (logits.grad[0][:, ignored] == 0).all()
    assert (logits.grad[0][:, ~ignored] != 0).all()
    expected = cross_entropy(logits.detach().numpy(), target.numpy(), ignore=ignore)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("class_weights", [None, torch.tensor([0.5, 1.0, 2.0])])
def test_nothing_labelled_is_zero_with_zero_gradients(class_weights):
    logits = uniform(2, 3, 2, 2).requires_grad_()
    target = torch.full((2, 6, 6), 255)
    loss = loss_at(logits, target, size=(6, 6), align_corners=True, class_weights=class_weights)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def plain(logits, target, *, size, align_corners, crop, class_weights=None, label_smoothing=0.0, top_k_fraction=1.0):
    """What is meant, in full size and by torch's own functions."""
    full = F.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)[..., : crop[0], : crop[1]]
    losses = F.cross_entropy(
        full,
        target.long(),
        weight=class_weights,
        ignore_index=255,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    if top_k_fraction < 1:
        kept = losses.flatten().topk(max(int(top_k_fraction * losses.numel()), 1)).values
        return kept.sum() / (kept != 0).sum().clamp(min=1)
    return losses.sum() / (target != 255).sum().clamp(min=1)


def with_gradient(loss_of, logits, target, **arguments):
    leaf = logits.detach().requires_grad_()
    loss = loss_of(leaf, target, **arguments)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return loss.detach(), gradient


lengths = st.integers(1, 7)


@settings(max_examples=100)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 4), lengths, lengths),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    cut=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    align_corners=st.booleans(),
    weigh=st.booleans(),
    label_smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    top_k_fraction=st.sampled_from([1.0, 1.0, 0.7, 0.2, 1e-9]),
    unlabelled=st.sampled_from([0.0, 0.3, 1.0]),
    memory=st.sampled_from(list(FORMATS)),
    band=st.sampled_from([1, 100, 1 << 20]),
    columns=st.sampled_from([1, 5, 64]),
    seed=st.integers(0, 100),
)
def test_loss_and_gradient_are_those_of_the_plain_definition(
    shape, size, cut, align_corners, weigh, label_smoothing, top_k_fraction, unlabelled, memory, band, columns, seed
):
    logits = FORMATS[memory](uniform(*shape, seed=seed, low=-4, high=4))
    crop = max(size[0] - cut[0], 1), max(size[1] - cut[1], 1)
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, shape[1], (shape[0], *crop), generator=generator, dtype=torch.uint8)
    target[torch.rand(target.shape, generator=generator) < unlabelled] = 255
    arguments = {
        "size": size,
        "align_corners": align_corners,
        "crop": crop,
        "class_weights": uniform(shape[1], seed=seed, low=0.1, high=3) if weigh else None,
        "label_smoothing": label_smoothing,
        "top_k_fraction": top_k_fraction,
    }
    loss, gradient = with_gradient(plain, logits, target, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy_bands, "BAND_FLOATS", band)
        patch.setattr(cross_entropy_bands, "MIN_ROWS", 1)
        patch.setattr(cross_entropy_bands, "COLUMNS", columns)
        found, found_gradient = with_gradient(loss_at, logits, target, **arguments)
    torch.testing.assert_close(found, loss, rtol=0, atol=1e-12)
    torch.testing.assert_close(found_gradient, gradient, rtol=0, atol=1e-12)
    assert found_gradient.is_contiguous(memory_format=torch.channels_last) == (memory == "channels last") or 1 in shape


@pytest.mark.parametrize("arguments", [{}, {"label_smoothing": 0.1}, {"top_k_fraction": 0.3}], ids=str)
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_single_precision_at_a_real_size(dtype, align_corners, arguments):
    logits = (8 * uniform(2, 21, 33, 17)).to(dtype)
    target = labels(2, 125, 60, classes=21).to(torch.uint8)
    arguments |= {"size": (129, 65), "align_corners": align_corners, "crop": (125, 60)}
    arguments["class_weights"] = uniform(21, low=0.1, high=3, seed=1)
    loss, gradient = with_gradient(plain, logits.double(), target, **arguments)
    arguments["class_weights"] = arguments["class_weights"].float()
    found, found_gradient = with_gradient(loss_at, logits, target, **arguments)
    assert (found.dtype, found_gradient.dtype) == (torch.float32, dtype)
    torch.testing.assert_close(found.double(), loss, rtol=1e-6, atol=0)
    rounding = 0 if dtype == torch.float32 else torch.finfo(dtype).eps
    largest = gradient.abs().max().item()
    smallest = torch.finfo(dtype).tiny  # what half precision flushes
    torch.testing.assert_close(found_gradient.double(), gradient, rtol=rounding, atol=1e-5 * largest + smallest)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("align_corners", [False, True])
def test_gradients(align_corners, label_smoothing):
    target, weights = labels(2, 5, 6), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def loss(logits):
        return 3 * loss_at(
            logits,
            target,
            size=(7, 7),
            align_corners=align_corners,
            crop=(5, 6),
            class_weights=weights,
            label_smoothing=label_smoothing,
        )

    assert torch.autograd.gradcheck(loss, (uniform(2, 3, 2, 3).requires_grad_(),))


def halves(*exponents):
    """Two classes; the first has probability 2^-exponent, so that it loses exponent * log 2."""
    first = [-math.log(2**exponent - 1) for exponent in exponents]
    return torch.tensor([first, [0.0] * len(first)], dtype=torch.float64)[None, :, None]


@pytest.mark.parametrize(
    ("top_k_fraction", "mean", "pixel_weights"),
    [
        (0.4, 3.5, [0, 0, 1 / 2, 1 / 2, 0]),  # two of five pixels
        (0.79, 3.0, [0, 1 / 3, 1 / 3, 1 / 3, 0]),  # three, rounded down
        (0.99, 2.5, [1 / 4, 1 / 4, 1 / 4, 1 / 4, 0]),  # four
        (1e-6, 4.0, [0, 0, 0, 1, 0]),  # at least one
    ],
)
def test_hard_pixels_by_hand(top_k_fraction, mean, pixel_weights):
    logits, target = halves(1, 2, 3, 4, 5), torch.tensor([[[0, 0, 0, 0, 255]]])
    loss, gradient = with_gradient(
        loss_at, logits, target, size=(1, 5), align_corners=True, top_k_fraction=top_k_fraction
    )
    assert loss.item() == pytest.approx(mean * math.log(2))
    slopes = [share * (2.0**-exponent - 1) for share, exponent in zip(pixel_weights, (1, 2, 3, 4, 5), strict=True)]
    np.testing.assert_allclose(gradient[0, 0, 0], slopes, atol=1e-15)


def test_ignored_pixels_have_no_share_in_the_mean_over_hard_pixels():
    logits, target = halves(1, 2, 3, 4, 5), torch.tensor([[[0, 0, 255, 255, 255]]])
    loss = loss_at(logits, target, size=(1, 5), align_corners=True, top_k_fraction=0.8)
    assert loss.item() == pytest.approx(1.5 * math.log(2))  # four of five are kept; the mean is over the two labelled


def test_hard_pixels_are_those_of_the_whole_batch_and_what_loses_nothing_does_not_count():
    logits = torch.cat([halves(1, 1), halves(3, 2)])
    target = torch.tensor([[[0, 1]], [[0, 0]]])
    loss, gradient = with_gradient(
        loss_at,
        logits,
        target,
        size=(1, 2),
        align_corners=True,
        class_weights=torch.tensor([1.0, 0.0]),
        top_k_fraction=0.99,
    )
    assert loss.item() == pytest.approx(2 * math.log(2))  # 3, 2, 1; three of four are kept
    loss = loss_at(logits, target, size=(1, 2), align_corners=True, top_k_fraction=0.5)
    assert loss.item() == pytest.approx(2.5 * math.log(2))
    assert (gradient[0, :, 0, 1] == 0).all()


def test_of_equally_hard_pixels_the_first_are_kept():
    logits, target = halves(1, 1, 1, 2, 1), torch.zeros(1, 1, 5).long()
    _, gradient = with_gradient(loss_at, logits, target, size=(1, 5), align_corners=True, top_k_fraction=0.6)
    assert (gradient[0, 0, 0] != 0).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("top_k_fraction", [1.0, 0.1])
@pytest.mark.parametrize("label", [0, 255])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_shows(bad, label, top_k_fraction):
    logits = uniform(2, 3, 3, 3)
    logits[1, 2, 1, 1] = bad
    target = labels(2, 9, 9)
    target[1] = label
    loss = loss_at(logits, target, size=(9, 9), align_corners=True, top_k_fraction=top_k_fraction)
    assert not loss.isfinite()


@pytest.mark.parametrize("arguments", [{}, {"top_k_fraction": 0.2}, {"label_smoothing": 0.1}], ids=str)
def test_the_second_time_gives_the_same_bits_in_autocast_too(arguments):
    logits, target = (3 * uniform(2, 5, 17, 17)).float(), labels(2, 65, 65, classes=5)
    arguments |= {"size": (65, 65), "align_corners": True}
    first = with_gradient(loss_at, logits, target, **arguments)
    with torch.autocast("cpu", torch.bfloat16):
        second = with_gradient(loss_at, logits, target, **arguments)
    with torch.no_grad():
        assert torch.equal(loss_at(logits.requires_grad_(), target, **arguments), first[0])
    assert all(map(torch.equal, first, second))


class Largest(TorchDispatchMode):
    """Records the elements of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        made = result if isinstance(result, tuple | list) else (result,)
        self.elements = max([self.elements, *(x.untyped_storage().nbytes() // 4 for x in made if torch.is_tensor(x))])
        return result


@pytest.mark.parametrize("top_k_fraction", [1.0, 0.2])
def test_nothing_of_full_size_is_made(top_k_fraction, monkeypatch):
    """40 classes at four times the size: the largest is an image as wide as the crop, a quarter of one full image."""
    monkeypatch.setattr(cross_entropy_bands, "BAND_FLOATS", 1)
    logits, target = uniform(3, 40, 33, 33).float(), labels(3, 129, 129, classes=40)
    with Largest() as made:
        with_gradient(loss_at, logits, target, size=(129, 129), align_corners=True, top_k_fraction=top_k_fraction)
    assert made.elements == 40 * 33 * 129


def test_an_empty_batch_loses_nothing():
    for top_k_fraction in (1.0, 0.5):
        loss, gradient = with_gradient(
            loss_at,
            torch.zeros(0, 3, 2, 2),
            torch.zeros(0, 5, 5).long(),
            size=(5, 5),
            align_corners=True,
            top_k_fraction=top_k_fraction,
        )
        assert loss.item() == 0
        assert gradient.shape == (0, 3, 2, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": torch.zeros(1, 4, 5).long()}, "target of shape"),
        ({"target": torch.zeros(2, 5, 5).long()}, "target of shape"),
        ({"crop": (6, 5), "target": torch.zeros(1, 6, 5).long()}, "larger than size"),
        ({"class_weights": torch.ones(2)}, "class weights"),
        ({"label_smoothing": 1.1}, "label smoothing"),
        ({"label_smoothing": math.nan}, "label smoothing"),
        ({"top_k_fraction": 0.0}, "top_k_fraction"),
        ({"top_k_fraction": 1.5}, "top_k_fraction"),
        ({"target": torch.full((1, 5, 5), 3)}, "label 3 has no class"),
        ({"target": torch.full((1, 5, 5), -1)}, "label -1 has no class"),
        ({"target": torch.full((1, 5, 5), 2**32 + 1)}, "has no class"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused(fields, message):
    arguments = {"target": torch.zeros(1, 5, 5).long(), "crop": (5, 5)} | fields
    placement = placed((5, 5), align_corners=True, crop=arguments.pop("crop"))
    unchecked = inspect.unwrap(upsample_cross_entropy)  # by the tests' own check of shapes
    with pytest.raises(InputError, match=message):
        unchecked(torch.zeros(1, 3, 2, 2), placement=placement, **arguments)


def test_half_precision_logits_are_summed_in_single():
    """65536 pixels of loss log 2 sum to 45426 and count to more than half precision holds."""
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.bfloat16)
    target = torch.zeros(1, 256, 256, dtype=torch.uint8)
    loss = loss_at(logits, target, size=(256, 256), align_corners=True)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)


def test_confident_logits_stay_finite():
    logits = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1).requires_grad_()
    loss = loss_at(logits, torch.ones(1, 3, 3).long(), size=(3, 3), align_corners=True)
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert np.allclose(logits.grad.flatten(), [1, -1])
