"""Devices by the names and numbers that people type."""

import pytest
import torch

import atrous
from atrous.inference.device import choose_device


@pytest.fixture
def machine(monkeypatch):
    """A function that says which accelerators this machine seems to have."""

    def pretend(*, cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("cuda", "mps", "named", "expected"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, False, "auto", "cuda"),
        (2, False, "gpu", "cuda"),
        (0, True, "gpu", "mps"),
        (2, False, 0, "cuda:0"),
        (2, False, "1", "cuda:1"),
        (2, False, "CUDA:1", "cuda:1"),
        (2, False, torch.device("cpu"), "cpu"),
        (0, False, "CPU", "cpu"),
        (0, False, "cpu:00", "cpu:0"),
        (2, False, "01", "cuda:1"),
    ],
)
def test_names_and_numbers(machine, cuda, mps, named, expected):
    machine(cuda=cuda, mps=mps)
    assert choose_device(named) == torch.device(expected)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("cdua", "device cdua: there is no such device; did you mean 'cuda'?"),
        ("cuda:x", "device cuda:x: there is no such device; choose auto, cpu, cuda, cuda:1 or mps"),
        ("tpu", "device tpu: there is no such device; "),
        ("mps", "device mps: this machine or this build of torch has none; use cpu"),
        ("gpu", "device gpu: this machine or this build of torch has none; use cpu"),
        (0, "device 0: this machine or this build of torch has none; use cpu"),
        (-1, "device -1: there is no such device; choose auto"),
        ("\u0661", "device \u0661: there is no such device; choose auto"),
        ("cuda:\u0661", "there is no such device; choose auto"),
        ("cuda:" + "9" * 5000, f"device cuda:{'9' * 35}: there is no such device; choose auto"),
        ("999", "device 999: this machine or this build of torch has none; use cpu"),
    ],
)
def test_what_is_not_there_is_one_line(machine, named, message):
    machine()
    with pytest.raises(atrous.InputError) as found:
        choose_device(named)
    assert message in str(found.value)


def test_the_functions_take_them(machine):
    machine()
    model = atrous.deeplabv3_mobilenet_v2()
    assert atrous.Predictor(model, device="auto").device == torch.device("cpu")
    with pytest.raises(atrous.InputError, match="device gpu"):
        atrous.Predictor(model, device="gpu")
