"""SGD with the official code's exceptions from weight decay, and the "poly" learning rate schedule."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from atrous.inference.predictor import Model
from atrous.training.config import TrainConfig


def decayed(model: nn.Module) -> set[Tensor]:
    """The parameters that weight decay applies to: kernels of convolutions that are not depthwise.

    Depthwise kernels, batch norm parameters and biases have none, as in the official code.
    """
    convolutions = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    return {module.weight for module in convolutions if module.groups == 1}


def build_optimizer(model: Model, config: TrainConfig) -> torch.optim.SGD:
    """SGD with momentum over four groups of parameters: backbone and head, each with and without weight decay.

    Momentum buffers exist from the start, as zeros, so that a state holds the same tensors at any time.
    """
    kernels = decayed(model)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("backbone."), parameter in kernels), []).append(parameter)
    optimizer = torch.optim.SGD(
        [
            {
                "params": parameters,
                "factor": 1.0 if in_backbone else config.head_rate,
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (in_backbone, decays), parameters in groups.items()
        ],
        lr=config.learning_rate,
        momentum=config.momentum,
    )
    for parameters in groups.values() if config.momentum else ():
        for parameter in parameters:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def poly_rate(iteration: int, *, base: float, iterations: int, power: float = 0.9, warmup: int = 0) -> float:
    """The "poly" learning rate (DeepLabv3, section 4.1) with a linear rise over the first `warmup` iterations.

    base * (1 - iteration / iterations) ** power * min((iteration + 1) / (warmup + 1), 1).

    `iteration` counts from 0, so the last step still has a rate above 0.
    """
    rise = min((iteration + 1) / (warmup + 1), 1.0)
    return base * rise * (1 - iteration / iterations) ** power


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group to `rate` times the group's `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
