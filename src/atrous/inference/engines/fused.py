"""Models fused for inference: batch norms, sums and activations become part of the convolutions before them."""

import copy
from itertools import chain
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.inference.engines.fused_conv import FusedConv
from atrous.model.aspp import ASPP, ImagePooling
from atrous.model.atrous import AtrousConv
from atrous.model.backbones.resnet_units import BasicUnit, Bottleneck
from atrous.model.backbones.units import ResidualUnit, UnitSequence
from atrous.model.backbones.xception import XceptionUnit
from atrous.model.deeplab import DeepLab
from atrous.model.resampling import ImageMean

Network = TypeVar("Network", bound=DeepLab)


def fused(model: Network) -> Network:
    """Return a copy in eval mode with the present weights, for inference at the output stride that the model has.

    On a CPU in float32 and without gradients its layers use the fastest method for a CPU; elsewhere they are plain
    convolutions with bias. Other layers are shared with the model. The copy can be neither trained nor saved.
    """
    tensors = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    copied = copy.deepcopy(model, tensors).eval()
    _fuse_parts(copied)
    return copied


def _fuse_parts(parent: nn.Module) -> None:
    for name, part in list(parent.named_children()):
        match part:
            case AtrousConv():
                setattr(parent, name, FusedConv(part))
            case UnitSequence():
                _fuse_units(part)
            case XceptionUnit():
                setattr(parent, name, FusedXceptionUnit(part))
            case ASPP(pooling=ImagePooling(pool=ImageMean()) as pooling) if _begins_pointwise(part.projection):
                setattr(parent, name, FusedASPP(part, pooling))
            case _:
                _fuse_parts(part)


def _fuse_units(units: UnitSequence[ResidualUnit]) -> None:
    """Fuse units; a bottleneck may overwrite its input unless that is also a skip feature."""
    for number, unit in enumerate(list(units)):
        match unit:
            case Bottleneck():
                units[number] = FusedBottleneck(unit, input_wanted=number == 0 or number - 1 in units.outputs)
            case XceptionUnit():
                units[number] = FusedXceptionUnit(unit)
            case BasicUnit():
                units[number] = FusedBasicUnit(unit)
            case _:
                _fuse_parts(unit)


class FusedUnit(ResidualUnit):
    """A unit whose layers keep the stride and rate that they were fused with."""

    def plan(self, *, stride: int, rate: int) -> None:
        """Refuse: the unfused model is replanned, and fused again."""
        raise NotImplementedError("a fused network keeps its strides and rates; replan the model that it was made from")


class FusedBottleneck(FusedUnit):
    """`Bottleneck` with its sum and last ReLU inside its last convolution.

    Args:
        unit: Unit to fuse.
        input_wanted: True if the input is read again afterwards and must not be overwritten.
    """

    def __init__(self, unit: Bottleneck, *, input_wanted: bool) -> None:
        super().__init__()
        self.reduce, self.atrous, self.restore = map(FusedConv, (unit.reduce, unit.atrous, unit.restore))
        self.shortcut = FusedConv(unit.shortcut) if isinstance(unit.shortcut, AtrousConv) else unit.shortcut
        self._overwrites = isinstance(self.shortcut, FusedConv) or not input_wanted

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the residual, which is added to the shortcut."""
        return self.restore(self.atrous(self.reduce(x)))

    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b k H W"]) -> Float[Tensor, "b k H W"]:
        """Add residual and shortcut, then ReLU."""
        return F.relu_(filtered + self.shortcut(x))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the unit."""
        filtered, shortcut = self.atrous(self.reduce(x)), self.shortcut(x)
        if self._overwrites:
            return self.restore.conv_add_relu_(shortcut, filtered)
        return self.restore.conv_add_relu(filtered, shortcut)


class FusedBasicUnit(FusedUnit):
    """`BasicUnit` with its first ReLU inside its first convolution."""

    def __init__(self, unit: BasicUnit) -> None:
        super().__init__()
        self.first, self.second = FusedConv(unit.first), FusedConv(unit.second)
        self.shortcut = FusedConv(unit.shortcut) if isinstance(unit.shortcut, AtrousConv) else unit.shortcut

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the residual, which is added to the shortcut."""
        return self.second(self.first(x))

    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b k H W"]) -> Float[Tensor, "b k H W"]:
        """Add residual and shortcut, then ReLU."""
        return F.relu_(filtered + self.shortcut(x))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the unit; the sum is a pass of its own, so that the second convolution may take the tiles."""
        return F.relu_(self.first_half(x).add_(self.shortcut(x)))


class FusedXceptionUnit(FusedUnit):
    """`XceptionUnit` with all but the first of its ReLUs, and its sum, inside the convolutions before them."""

    def __init__(self, unit: XceptionUnit) -> None:
        super().__init__()
        self.activation = unit.activation
        separables = unit.separable1, unit.separable2, unit.separable3
        self.depthwise1, self.depthwise2, self.depthwise3 = (FusedConv(part.depthwise) for part in separables)
        self.pointwise1, self.pointwise2, self.pointwise3 = (FusedConv(part.pointwise) for part in separables)
        self.shortcut = FusedConv(unit.shortcut) if isinstance(unit.shortcut, AtrousConv) else unit.shortcut

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m h w"]:
        """Compute the output of the second convolution, before any ReLU."""
        return self.pointwise2(self._before_second(x))

    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b m h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the third convolution, and add the shortcut."""
        return self._with_shortcut(x, self.activation(filtered))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the unit."""
        return self._with_shortcut(x, self.pointwise2.conv_relu(self._before_second(x)))

    def _before_second(self, x: Tensor) -> Tensor:
        first = self.pointwise1.conv_relu(self.depthwise1(self.activation(x)))
        return self.depthwise2(first)

    def _with_shortcut(self, x: Tensor, second: Tensor) -> Tensor:
        return self.pointwise3.conv_add(self.depthwise3(second), self.shortcut(x))


class FusedASPP(nn.Module):
    """`ASPP` whose image-level feature, the same everywhere, is projected once instead of at every position.

    A 1x1 convolution over concatenated maps is the sum of one over each.
    """

    pooled_weight: Tensor

    def __init__(self, aspp: ASPP, pooling: ImagePooling) -> None:
        super().__init__()
        self.mean, self.pooled = pooling.pool, FusedConv(pooling.project)
        self.branches = nn.ModuleList(branch for branch in aspp.branches.values() if branch is not pooling)
        _fuse_parts(self.branches)
        self.project = FusedConv(cast(AtrousConv, aspp.projection[0]))
        pooled, branches = self.project.weight.tensor_split([pooling.project.out_channels], dim=1)
        self.register_buffer("pooled_weight", pooled, persistent=False)
        self.project.weight = branches.contiguous(memory_format=torch.channels_last)
        self.rest = aspp.projection[1:]
        _fuse_parts(self.rest)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Encode the map."""
        pooled = F.conv2d(self.pooled(self.mean(x)), self.pooled_weight)
        branches = torch.cat([branch(x) for branch in self.branches], dim=1)
        return self.rest(self.project.conv_add_relu(branches, pooled.expand(-1, -1, *x.shape[-2:])))


def _begins_pointwise(projection: nn.Sequential) -> bool:
    """Return True if the first layer after the concatenation is a 1x1 convolution."""
    first = next(iter(projection), None)
    return isinstance(first, AtrousConv) and first.conv.kernel_size == (1, 1)
