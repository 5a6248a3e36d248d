"""A batch in parts is the batch, up to the order of additions; batch norm frozen, because it sees the parts."""

from dataclasses import replace

import pytest
import torch

from atrous.data.loader import Batch
from atrous.errors import InputError
from atrous.training.config import LossConfig
from atrous.training.loss import SegmentationLoss
from atrous.training.start import fresh_state
from atrous.training.step import train_step
from fakes.run import CPU, MODEL, changed, small_data

# One dropout mask over a whole batch is not the masks of its parts.
QUIET = replace(MODEL, head=replace(MODEL.head, dropout=0.0))


def stepped(data, *, parts: int, class_balance: float, labels: torch.Tensor):
    config = changed(model=QUIET, norms="frozen", batch_size=4, accumulate=parts, learning_rate=0.5)
    state = fresh_state(config, data=data, device=CPU)
    loss_function = SegmentationLoss(data, LossConfig(class_balance=class_balance), device=CPU)
    images = torch.randint(0, 256, (4, 3, 17, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    loss = train_step(
        state, config, batch=Batch(images, labels, tuple("abcd")), rate=0.5, loss_function=loss_function, device=CPU
    ).loss
    return loss, state.model.state_dict()


@pytest.mark.parametrize("class_balance", [0.0, 0.5])
@pytest.mark.parametrize("parts", [2, 4])
def test_parts_are_the_whole_however_the_labels_are_spread(parts, class_balance, tmp_path):
    data = small_data(tmp_path)
    labels = torch.randint(0, 12, (4, 17, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    labels[1] = 11  # nothing
    labels[2, 3:] = 11  # little
    loss, whole = stepped(data, parts=1, class_balance=class_balance, labels=labels)
    summed, state = stepped(data, parts=parts, class_balance=class_balance, labels=labels)
    assert loss.item() > 1
    assert summed.item() == pytest.approx(loss.item(), rel=1e-6)
    for name, value in whole.items():
        torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-7)


def test_a_batch_without_labels_is_finite_in_parts(tmp_path):
    labels = torch.full((4, 17, 17), 11, dtype=torch.uint8)
    loss, state = stepped(small_data(tmp_path), parts=2, class_balance=0.0, labels=labels)
    assert loss.item() == 0
    assert all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("parts", [0, 3, 8, -2])
def test_parts_must_be_equal(parts):
    with pytest.raises(InputError, match=f"accumulate {parts} does not divide the batch size 4"):
        changed(batch_size=4, accumulate=parts)
