"""Loss scaling of float16, by torch's scaler on the CPU, where the network stays float32."""

import pytest
import torch
from torch.amp.grad_scaler import GradScaler

from atrous.data.loader import Batch
from atrous.errors import InputError
from atrous.training.checkpoint import load_state, save_state
from atrous.training.loss import SegmentationLoss
from atrous.training.start import fresh_state
from atrous.training.step import train_step
from fakes.run import CONFIG, CPU, changed, small_data


def stepped(data, scaler: GradScaler | None, *, accumulate: int = 1, factor: float = 1.0):
    """A step whose gradient of the last bias is multiplied by `factor`."""
    state = fresh_state(CONFIG, data=data, device=CPU)
    if scaler:
        state.scaler = scaler
    state.model.classifier.bias.register_hook(lambda gradient: gradient * factor)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 17, 17), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 12, (2, 17, 17), dtype=torch.uint8, generator=generator)
    loss_function = SegmentationLoss(data, device=CPU)
    config = changed(accumulate=accumulate)
    loss = train_step(
        state, config, batch=Batch(images, labels, ("a", "b")), rate=0.1, loss_function=loss_function, device=CPU
    ).loss
    return loss, state


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_power_of_two_changes_no_bit(accumulate, tmp_path):
    data = small_data(tmp_path)
    loss, plain = stepped(data, None, accumulate=accumulate)
    same, scaled = stepped(data, GradScaler("cpu", init_scale=2.0**10), accumulate=accumulate)
    assert torch.equal(loss, same)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, scaled.model.state_dict()[name]), name


def test_an_overflow_is_a_step_without_an_update_and_a_smaller_scale(tmp_path):
    data = small_data(tmp_path)
    loss, state = stepped(data, GradScaler("cpu", init_scale=2.0**10, backoff_factor=0.25), factor=float("inf"))
    assert loss.isfinite()
    assert state.iteration == 1
    assert state.scaler.get_scale() == 2.0**8
    before = fresh_state(CONFIG, data=data, device=CPU).model
    for name, value in before.named_parameters():
        assert torch.equal(value, state.model.get_parameter(name)), name


def test_the_state_of_a_run_holds_the_scale(tmp_path):
    data = small_data(tmp_path / "data")
    _, state = stepped(data, GradScaler("cpu", init_scale=2.0**10))
    save_state(tmp_path / "state.safetensors", state)
    resumed = fresh_state(CONFIG, data=data, device=CPU)
    resumed.scaler = GradScaler("cpu")
    load_state(tmp_path / "state.safetensors", resumed)
    assert resumed.scaler.state_dict() == state.scaler.state_dict()
    assert (resumed.scaler.get_scale(), resumed.scaler.state_dict()["_growth_tracker"]) == (1024, 1)


def test_float16_on_a_cpu_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"^float16 needs a CUDA device, this is cpu; choose --precision bfloat16"):
        fresh_state(changed(precision="float16"), data=small_data(tmp_path), device=CPU)
