"""From TensorFlow's variables to a state dict of ours, with nothing left over on either side."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.tensorflow.slim_names import (
    TENSORS,
    ScopeKind,
    SlimLayer,
    backbone_layers,
    backbone_scope,
    layers,
)
from atrous.importers.tensorflow.variable import Variable
from atrous.model.build import build
from atrous.model.config import BackboneConfig, LRASPPConfig, ModelConfig

AVERAGE = "/ExponentialMovingAverage"
"""Ending of the average of a variable over training, which the official code evaluates."""

_SLOTS = ("Momentum", "Adam", "Adam_1", "RMSProp", "RMSProp_1", "Adagrad", "Ftrl", "Ftrl_1")
_COUNTERS = ("global_step", "beta1_power", "beta2_power")
_AVERAGING = ("biased", "local_step")
_CLASSIFIERS = ("Conv_1", "Conv_2", "Logits", "logits")
_GATE_SURPLUS = 6 * 0.16667
"""The official code writes the sixth in its hard sigmoids with five digits; the kernel after a gate takes the rest."""

_HEAD = ("aspp", "image_pooling", "concat_projection", "decoder", "logits")


def averaged(variables: Mapping[str, Variable]) -> tuple[dict[str, Variable], dict[str, str]]:
    """Split variables into those that a network is run with, and the others with the reason for leaving them out."""
    kept, skipped = {}, {}
    for name, variable in variables.items():
        reason = _reason(name, variable, variables)
        if reason:
            skipped[name] = reason
        else:
            kept[name.removesuffix(AVERAGE)] = variable
    return kept, skipped


def _reason(name: str, variable: Variable, variables: Mapping[str, Variable]) -> str | None:
    parent, _, leaf = name.rpartition("/")
    if name + AVERAGE in variables:
        return "its average over training is taken instead"
    if leaf in _SLOTS and parent in variables:
        return "state of the optimizer"
    if name.removesuffix(AVERAGE) in _COUNTERS:
        return "counts the steps of the training"
    if leaf in _AVERAGING or "_quant/" in name:
        return "range of 8-bit training, or a helper of its averages"
    if variable.dtype is None:
        return "no numbers"
    return None


def state_of(
    variables: Mapping[str, Variable], config: ModelConfig, *, segments: bool
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by the names used here, and variables without a place in the network with the reasons.

    Args:
        variables: From `averaged`.
        config: The network.
        segments: True if there is a head; otherwise the backbone alone is filled.

    Raises:
        InputError: If a variable is missing, unknown or of another shape; the message shows the difference.
    """
    with torch.device("meta"):
        outline = build(config).state_dict()
    outline = {name: tensor for name, tensor in outline.items() if segments or name.startswith("backbone.")}
    places = dict(_places(layers(config) if segments else backbone_layers(config.backbone)))
    skipped = dict(_beyond(variables.keys() - places.keys(), config.backbone, segments=segments))
    differences = [f"{name} is missing" for name in places if name not in variables]
    differences += [f"{name} is unknown" for name in sorted(variables.keys() - places.keys() - skipped.keys())]
    differences += [
        f"{name} is {variables[name].shape} where the network has {tuple(outline[ours].shape)}"
        for name, (ours, kind) in places.items()
        if name in variables and _our_shape(variables[name].shape, kind) != outline[ours].shape
    ]
    if differences:
        more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise InputError(f"its variables are not those of its network: {'; '.join(differences[:3])}{more}")
    state = {ours: _tensor(name, variables[name], kind) for name, (ours, kind) in places.items()}
    for name in _gated(config, state):
        state[name] *= _GATE_SURPLUS
    counters = {name: torch.zeros((), dtype=torch.int64) for name in outline if name.endswith(".num_batches_tracked")}
    return {name: (state | counters)[name] for name in outline}, skipped


def _places(network: Iterator[SlimLayer]) -> Iterator[tuple[str, tuple[str, ScopeKind]]]:
    """Pairs (name there, (name here, kind of scope)) of every tensor."""
    for scope, ours, kind in network:
        for theirs, tensor in TENSORS[kind].items():
            yield f"{scope}/{theirs}", (f"{ours}.{tensor}", kind)


def _beyond(names: set[str], backbone: BackboneConfig, *, segments: bool) -> Iterator[tuple[str, str]]:
    """Variables that a file may hold without a counterpart here, with the reason."""
    scope = backbone_scope(backbone)
    for name in sorted(names):
        if name.startswith(tuple(f"{scope}/{part}/" for part in _CLASSIFIERS)):
            yield name, "classifies whole images, which DeepLab does not"
        elif not segments and name.startswith(_HEAD):
            yield name, "part of a head without logits"


def _gated(config: ModelConfig, state: Mapping[str, Tensor]) -> Iterator[str]:
    """The kernels that see what a hard sigmoid has let through."""
    for name in state:
        if name.endswith(".gate.excite.weight"):
            yield name.replace(".gate.excite.weight", ".project.conv.weight")
    if isinstance(config.head, LRASPPConfig):
        yield "classifier.weight"


def _our_shape(shape: tuple[int, ...], kind: ScopeKind) -> tuple[int, ...]:
    """Kernels are [height, width, in, out] there; depthwise [height, width, channels, 1]."""
    if len(shape) != 4:
        return shape
    height, width, channels, out = shape
    return (channels * out, 1, height, width) if kind == "depthwise" else (out, channels, height, width)


def _tensor(name: str, variable: Variable, kind: ScopeKind) -> Tensor:
    if variable.dtype is None or variable.dtype.kind != "f":
        raise InputError(f"{name} holds {variable.dtype}, a network of ours has floating-point numbers")
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite
        values = variable.read().astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds values that are not finite numbers; the file is damaged")
    if values.ndim == 4:
        values = values.transpose((2, 3, 0, 1) if kind == "depthwise" else (3, 2, 0, 1))
    return torch.from_numpy(np.ascontiguousarray(values).reshape(_our_shape(variable.shape, kind)))
