"""Layers as many projects name them, because they started from torchvision: ResNet, MobileNetV2, ASPP."""

from collections.abc import Callable

from atrous.importers.projects.torchvision_keys import unit_layers
from atrous.model.backbones.resnet import BLOCK_UNITS
from atrous.model.config import Depth

STAGES_OF_MOBILENET_V2 = 17


def resnet_units(prefix: str, *, depth: Depth) -> dict[str, str]:
    """Names of the units, counted block by block there and from first to last here."""
    places = [(block, position) for block, count in enumerate(BLOCK_UNITS[depth], 1) for position in range(count)]
    return {
        f"{prefix}layer{block}.{position}.{theirs}": f"backbone.units.{number}.{ours}"
        for number, (block, position) in enumerate(places)
        for theirs, ours in unit_layers(depth).items()
    }


def resnet(prefix: str, *, depth: Depth) -> dict[str, str]:
    """Names of a ResNet with the 7x7 stem."""
    return {
        f"{prefix}conv1": "backbone.stem.conv",
        f"{prefix}bn1": "backbone.stem.norm",
        **resnet_units(prefix, depth=depth),
    }


def three_convolutions(*names: str) -> dict[str, str]:
    """Names of a stem of three, from those of convolution, norm, convolution, norm, convolution, norm."""
    ours = (f"backbone.stem.conv1_{number}.{kind}" for number in (1, 2, 3) for kind in ("conv", "norm"))
    return dict(zip(names, ours, strict=True))


def mobilenet_v2(place: Callable[[int], str]) -> dict[str, str]:
    """`place` is their name of the n-th feature: 0 is the stem, 1 to 17 are units, 18 is the last convolution."""
    layers = {f"{place(0)}.0": "backbone.stem.conv", f"{place(0)}.1": "backbone.stem.norm"}
    layers |= {f"{place(18)}.0": "backbone.last.conv", f"{place(18)}.1": "backbone.last.norm"}
    for unit in range(STAGES_OF_MOBILENET_V2):
        theirs, ours = f"{place(unit + 1)}.conv", f"backbone.units.{unit}"
        wide = ("depthwise",) if unit == 0 else ("expand", "depthwise")
        for number, part in enumerate(wide):
            layers[f"{theirs}.{number}.0"] = f"{ours}.{part}.conv"
            layers[f"{theirs}.{number}.1"] = f"{ours}.{part}.norm"
        layers[f"{theirs}.{len(wide)}"] = f"{ours}.project.conv"
        layers[f"{theirs}.{len(wide) + 1}"] = f"{ours}.project.norm"
    return layers


def aspp(prefix: str, *, separable: tuple[str, str] | None = None) -> dict[str, str]:
    """Branches and 1x1 projection; `separable` are their names of depthwise and pointwise in the 3x3 branches."""
    branches = layer(f"{prefix}convs.0.0", f"{prefix}convs.0.1", "aspp.branches.aspp0")
    for number in (1, 2, 3):
        theirs, ours = f"{prefix}convs.{number}", f"aspp.branches.aspp{number}"
        branches |= (
            bare_separable(f"{theirs}.0", f"{theirs}.1", ours, names=separable)
            if separable
            else (layer(f"{theirs}.0", f"{theirs}.1", ours))
        )
    return {
        **branches,
        **layer(f"{prefix}convs.4.1", f"{prefix}convs.4.2", "aspp.branches.image_pooling.project"),
        **layer(f"{prefix}project.0", f"{prefix}project.1", "aspp.projection.0"),
    }


def bare_separable(convolution: str, norm: str, ours: str, *, names: tuple[str, str]) -> dict[str, str]:
    """A separable layer with nothing between its two convolutions."""
    depthwise, pointwise = (f"{convolution}.{name}" for name in names)
    return {f"{depthwise}": f"{ours}.depthwise.conv", **layer(pointwise, norm, f"{ours}.pointwise")}


def layer(convolution: str, norm: str, ours: str) -> dict[str, str]:
    """One layer of ours from two names of theirs."""
    return {convolution: f"{ours}.conv", norm: f"{ours}.norm"}
