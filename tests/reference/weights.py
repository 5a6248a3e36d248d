"""Random weights for a module, statistics of its norms included, and the same as float64 arrays."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn


def randomize(module: nn.Module, *, seed: int = 0) -> nn.Module:
    """Weights that keep activations near 1 through any depth; eval mode, float64."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.double().modules():
            if isinstance(part, nn.Conv2d):
                part.weight.normal_(std=part.weight[0].numel() ** -0.5, generator=generator)
                if part.bias is not None:
                    part.bias.normal_(generator=generator)
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.5, 1.5, generator=generator)
                part.bias.normal_(std=0.3, generator=generator)
                part.running_mean.normal_(std=0.3, generator=generator)
                part.running_var.uniform_(0.5, 1.5, generator=generator)
    return module.eval()


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in module.state_dict().items()}


def uniform(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
    """A float64 input."""
    generator = torch.Generator().manual_seed(seed)
    return torch.empty(shape, dtype=torch.float64).uniform_(low, high, generator=generator)


def drawn(name: str, shape: Sequence[int]) -> torch.Tensor:
    """Values (float64) from a name alone, so that another library can be given them elsewhere; any depth stays near 1.

    Kernels have variance 1 / fan-in, scales and variances of norms are in 0.5..1.5, all else is in -0.5..0.5. What a
    RandomState draws is the same in every version of NumPy.
    """
    if name.endswith("num_batches_tracked"):
        return torch.zeros(tuple(shape), dtype=torch.int64)
    values = torch.from_numpy(np.random.RandomState(zlib.crc32(name.encode())).random_sample(tuple(shape))) - 0.5
    if len(shape) == 4 and name.endswith("weight"):
        return values * (12 / np.prod(shape[1:])) ** 0.5
    return values + 1 if name.endswith((".weight", ".running_var")) else values


def mixed(features: torch.Tensor, *, count: int) -> torch.Tensor:
    """[b, count, h, w]: few maps in which every channel has its part."""
    return torch.einsum("kc,bchw->bkhw", drawn("mixture", (count, features.shape[1])), features)
