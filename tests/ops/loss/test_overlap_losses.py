"""Dice and Lovasz-softmax against their plain definitions over the full-size softmax, in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.ops.loss.overlap_losses import upsample_dice, upsample_lovasz
from reference.placement import placed

IGNORE = 9


def dice(probability, there):
    return 1 - 2 * (probability * there).sum() / (probability.sum() + there.sum())


def lovasz(probability, there):
    """The extension from its definition: differences of the set function 1 - IoU along the sorted errors."""
    errors = (there - probability).abs()
    total, before, wrong = torch.zeros((), dtype=errors.dtype), 0.0, set()
    for pixel in errors.argsort(descending=True, stable=True).tolist():
        wrong.add(pixel)
        truth = {index for index, value in enumerate(there.tolist()) if value}
        # Right pixels of the class are those outside `wrong`; the union has all of the class and the false alarms.
        after = 1 - len(truth - wrong) / len(truth | wrong)
        total, before = total + errors[pixel] * (after - before), after
    return total


def plainly(definition, logits, target, *, size, align_corners, crop):
    full = F.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)[..., : crop[0], : crop[1]]
    probabilities = full.softmax(dim=1).movedim(1, 0)[:, target != IGNORE]
    truth = target[target != IGNORE]
    losses = [definition(probabilities[label], (truth == label).double()) for label in truth.unique().tolist()]
    return torch.stack(losses).mean() if losses else full.sum() * 0


@pytest.mark.parametrize(("ours", "definition"), [(upsample_dice, dice), (upsample_lovasz, lovasz)])
@pytest.mark.parametrize("align_corners", [True, False])
@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    classes=st.integers(2, 5),
    shown=st.integers(1, 5),
    labelled=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_loss_and_gradient_are_those_of_the_definition(ours, definition, align_corners, seed, classes, shown, labelled):
    """Of the classes, only the first `shown` occur."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, classes, 3, 4, dtype=torch.float64, generator=generator)
    target = torch.randint(0, min(shown, classes), (2, 7, 9), generator=generator)
    target[torch.rand(target.shape, generator=generator) >= labelled] = IGNORE
    placement = {"size": (9, 13), "align_corners": align_corners, "crop": (7, 9)}
    results = []
    for function in (
        lambda *args, **kw: ours(*args, placed(**kw), ignore=IGNORE),
        lambda *args, **kw: plainly(definition, *args, **kw),
    ):
        leaf = logits.clone().requires_grad_()
        loss = function(leaf, target, **placement)
        results.append((loss.detach(), torch.autograd.grad(loss, leaf)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("ours", [upsample_dice, upsample_lovasz])
def test_the_extremes_by_hand(ours):
    target = torch.tensor([[[0, 0, 1, 1]]])
    right = torch.tensor([[[[1.0, 1.0, -1.0, -1.0]], [[-1.0, -1.0, 1.0, 1.0]]]]) * 100
    placement = placed((1, 4), align_corners=False)
    assert ours(right, target, placement).item() == pytest.approx(0, abs=1e-6)
    assert ours(-right, target, placement).item() == pytest.approx(1, abs=1e-6)
    # Class 1 everywhere: overlap 0 for class 0; for class 1 IoU 1/2, and Dice 2 * 2 / (4 + 2) = 2/3.
    one = torch.tensor([-100.0, 100.0]).view(1, 2, 1, 1).expand(1, 2, 1, 4)
    expected = {upsample_dice: (1 + 1 / 3) / 2, upsample_lovasz: (1 + 1 / 2) / 2}[ours]
    assert ours(one, target, placement).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("ours", [upsample_dice, upsample_lovasz])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_labelled_is_zero_and_half_precision_is_computed_in_single(ours, dtype):
    logits = torch.randn(1, 3, 4, 4).to(dtype).requires_grad_()
    placement = placed((8, 8), align_corners=False)
    loss = ours(logits, torch.full((1, 8, 8), IGNORE), placement, ignore=IGNORE)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()
    target = torch.randint(0, 3, (1, 8, 8))
    assert (
        ours(logits, target, placement, ignore=IGNORE).item()
        == ours(logits.float(), target, placement, ignore=IGNORE).item()
    )


@pytest.mark.parametrize("ours", [upsample_dice, upsample_lovasz])
def test_memory_does_not_grow_with_the_number_of_classes(ours):
    """The largest tensor made is a map of one class."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            for tensor in made if isinstance(made, tuple | list) else (made,):
                largest = max(largest, tensor.numel() if isinstance(tensor, torch.Tensor) else 0)
            return made

    logits = torch.randn(2, 50, 4, 4, requires_grad=True)
    target = torch.from_numpy(np.random.default_rng(0).integers(0, 50, (2, 64, 64)))
    with Watch():
        ours(logits, target, placed((64, 64), align_corners=True)).backward()
    assert largest == 2 * 64 * 64
