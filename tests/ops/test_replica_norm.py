"""Batch norm over two replicas against torch's over the whole batch in one process."""

import pytest
import torch

from atrous.model.norm import BatchNorm, freeze_norms, synchronize_norms
from fakes.replicas import in_replicas


def values(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cut(x: torch.Tensor, rank: int, first: int) -> torch.Tensor:
    return x[:first] if rank == 0 else x[first:]


def trained(norm, x, pull) -> dict[str, torch.Tensor]:
    """Two passes in training, the second one's gradients: L = sum(pull y + y^3)."""
    norm.train()
    norm(x.flip(1))
    x = x.clone().requires_grad_()
    y = norm(x)
    (y.double() * pull + y.double() ** 3).sum().backward()
    tensors = {"y": y, "x": x.grad, "weight": norm.weight.grad, "bias": norm.bias.grad, **dict(norm.named_buffers())}
    return {name: tensor.detach() for name, tensor in tensors.items()}


def prepared(norm, dtype):
    """A norm with parameters and statistics of its own; running statistics and parameters of bfloat16 are float32."""
    norm = norm.to(torch.promote_types(dtype, torch.float32))
    with torch.no_grad():
        for seed, tensor in enumerate((norm.weight, norm.bias, norm.running_mean, norm.running_var)):
            tensor.copy_(values(3, seed=seed).abs() + 0.1)
    return norm


def whole_batch(shape, dtype, offset):
    return (values(*shape, seed=7) + offset).to(dtype), values(*shape, seed=8)


def half(replicas, shape, first, dtype, offset):
    norm = prepared(BatchNorm(3, eps=1e-3, momentum=0.25), dtype)
    synchronize_norms(norm)
    x, pull = (cut(tensor, replicas.rank, first) for tensor in whole_batch(shape, dtype, offset))
    return trained(norm, x.contiguous(memory_format=torch.channels_last), pull)


@pytest.mark.parametrize(
    ("shape", "first", "dtype", "offset", "tolerance"),
    [
        ((4, 3, 5, 6), 2, torch.float64, 0.0, 1e-12),
        ((5, 3, 4, 7), 1, torch.float64, 0.0, 1e-12),
        ((2, 3, 1, 1), 1, torch.float64, 0.0, 1e-12),
        ((4, 3, 5, 6), 2, torch.float32, 1000.0, 1e-3),
        ((4, 3, 5, 6), 2, torch.bfloat16, 0.0, 1e-2),
    ],
    ids=["halves", "unequal", "one value each", "float32, far from 0", "bfloat16"],
)
def test_two_replicas_are_the_whole_batch(shape, first, dtype, offset, tolerance, tmp_path):
    x, pull = whole_batch(shape, dtype, offset)
    expected = trained(prepared(torch.nn.BatchNorm2d(3, eps=1e-3, momentum=0.25), torch.float64), x.double(), pull)
    found = in_replicas(half, tmp_path, shape, first, dtype, offset)
    assert [part["y"].dtype for part in found] == [dtype] * 2
    ours = {name: torch.cat([part[name] for part in found]) for name in ("y", "x")}
    ours |= {name: found[0][name].double() + found[1][name] for name in ("weight", "bias")}  # each of its own loss
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        ours[name] = found[0][name]
        assert torch.equal(found[0][name], found[1][name])
    for name, value in expected.items():
        assert (ours[name].double() - value).abs().max() <= tolerance * value.abs().max(), name


def test_frozen_norms_and_evaluation_need_no_other_replica():
    """There is none here: an exchange would raise."""
    norm, alone = (prepared(BatchNorm(3), torch.float64) for _ in range(2))
    synchronize_norms(norm)
    x = values(2, 3, 4, 4, seed=0)
    for mode in (False, True):
        for each in (norm, alone):
            each.train(mode)
            freeze_norms(each)
        assert torch.equal(norm(x), alone(x))
    norm.frozen = False
    with pytest.raises(ValueError, match="process group"):
        norm(x)
