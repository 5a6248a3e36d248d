"""What a GPU computes against what the CPU computes; skipped by name where there is none."""

from dataclasses import replace

import pytest
import torch

from atrous.data.loader import Batch
from atrous.training.config import LossConfig
from atrous.training.loss import SegmentationLoss
from atrous.training.start import fresh_state
from atrous.training.step import train_step
from fakes.run import CPU, MODEL, changed, small_data, small_run

# Dropout draws from the device's own generator, so no two devices agree on it.
CONFIG = changed(model=replace(MODEL, head=replace(MODEL.head, dropout=0.0)), loss=LossConfig(class_balance=0.5))


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Convolutions and products round to 24 bits, not to the 11 of TF32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


def device(name: str) -> torch.device:
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        pytest.skip(f"needs {name}")
    return torch.device(name)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_step_is_that_of_the_cpu(name, tmp_path):
    data = small_data(tmp_path)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 17, 17), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 12, (2, 17, 17), dtype=torch.uint8, generator=generator)
    losses, states = [], []
    for where in (CPU, device(name)):
        state = fresh_state(CONFIG, data=data, device=where)
        loss_function = SegmentationLoss(data, CONFIG.loss, device=where)
        batch = Batch(images, labels, ("a", "b"))
        losses.append(
            train_step(state, CONFIG, batch=batch, rate=0.01, loss_function=loss_function, device=where).loss.item()
        )
        states.append(state.model.state_dict())
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key].cpu(), value, rtol=2e-2, atol=2e-2)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("name", "precision"),
    [("cuda", "float32"), ("cuda", "bfloat16"), ("cuda", "float16"), ("mps", "float32"), ("mps", "bfloat16")],
)
def test_a_run_trains_validates_and_goes_on(name, precision, tmp_path):
    config = replace(CONFIG, precision=precision)
    small_run(tmp_path / "run", tmp_path / "data", config=config, stop=2, device=device(name))
    state = small_run(tmp_path / "run", tmp_path / "data", config=config, device=device(name))
    assert state.iteration == CONFIG.iterations
    assert all(value.isfinite().all() for value in state.result.state_dict().values())
