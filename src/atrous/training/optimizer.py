"""SGD with the official code's exceptions from weight decay."""

import torch
from torch import Tensor, nn

from atrous.inference.predictor import Model
from atrous.training.config import TrainConfig


def decayed(model: nn.Module) -> set[Tensor]:
    """The parameters that weight decay applies to: convolution kernels that are not depthwise.

    Depthwise kernels, batch norm parameters and biases are left alone, as in the official code.
    """
    convolutions = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    return {module.weight for module in convolutions if module.groups == 1}


def build_optimizer(model: Model, config: TrainConfig) -> torch.optim.SGD:
    """SGD with momentum over backbone and head, each with and without weight decay; rates come from the schedule.

    The momentum starts as zeros that are there, so that a state holds the same tensors at any time.
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
