"""The "poly" learning rate (DeepLabv3, section 4.1), by iteration."""

from torch.optim import Optimizer


def poly_rate(iteration: int, *, base: float, iterations: int, power: float = 0.9, warmup: int = 0) -> float:
    """Base * (1 - iteration / iterations) ** power, times a linear rise over the first `warmup` iterations.

    `iteration` counts from 0, so the last step still has a rate above 0.
    """
    rise = min((iteration + 1) / (warmup + 1), 1.0)
    return base * rise * (1 - iteration / iterations) ** power


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group its share of the rate: `rate` times the group's `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
