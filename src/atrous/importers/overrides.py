"""Settings of a network that no tensor states: what was assumed about them, and what a user states instead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atrous.errors import InputError
from atrous.model.compatibility import StridedLayer
from atrous.model.config import BASIC_DEPTHS, ASPPConfig, ModelConfig, ResNetConfig
from atrous.model.conventions import Conventions

WHOLE_RANGE = 255.0
"""Largest pixel value here; many projects scale pixels to 0..1 first."""


@dataclass(frozen=True)
class Overrides:
    """Settings that a user states; None leaves what the file states or its project does.

    Attributes:
        output_stride: Input size / size of the backbone's last map.
        rates: Rates of the ASPP at output stride 16.
        multi_grid: Unit rates of a ResNet's last block.
        align_corners: True if upsampling aligns the centres of the corner pixels.
        mean: Subtracted from the pixels: one number or one per channel, of 0..1 if all of mean and std are at most 1,
            else of 0..255.
        std: Divisor after that, in the same range.
        pool_window: (height, width) in pixels of the windows of image pooling.
        stride_in_1x1: True if the bottlenecks of a ResNet stride in their first 1x1 convolution (weights that come from
            Caffe), False for the 3x3.
        key: Name of the state dict that is taken, where a checkpoint has several.
    """

    output_stride: int | None = None
    rates: tuple[int, ...] | None = None
    multi_grid: tuple[int, int, int] | None = None
    align_corners: bool | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    pool_window: tuple[int, int] | None = None
    stride_in_1x1: bool | None = None
    key: str | None = None

    def stated(self) -> set[str]:
        """Names of the settings that are stated, as `assumed` calls them."""
        given = {name for name, value in vars(self).items() if value is not None}
        return given | ({"scaling"} if given & {"mean", "std"} else set())

    def applied(self, config: ModelConfig) -> ModelConfig:
        """The configuration with these settings.

        Raises:
            InputError: If the network does not have one of them, or a value is impossible.
        """
        if self.output_stride is not None:
            config = replace(config, output_stride=self.output_stride)
        if self.rates is not None:
            if not isinstance(config.head, ASPPConfig) or len(self.rates) != len(config.head.rates):
                raise InputError(f"--rates: this network's head has {config.head}")
            config = replace(config, head=replace(config.head, rates=self.rates))
        if self.multi_grid is not None:
            if not isinstance(config.backbone, ResNetConfig):
                raise InputError("--multi-grid: only a ResNet has it")
            config = replace(config, backbone=replace(config.backbone, multi_grid=self.multi_grid))
        if self.pool_window is not None:
            if config.head is None:
                raise InputError("--pool-window: this network pools no image")
            config = replace(config, compatibility=replace(config.compatibility, pool_window=self.pool_window))
        if self.stride_in_1x1 is not None:
            if not isinstance(config.backbone, ResNetConfig) or config.backbone.depth in BASIC_DEPTHS:
                raise InputError("--stride-in-1x1: only ResNet-50, -101 and -152 have units with 1x1 convolutions")
            strided: StridedLayer = "1x1" if self.stride_in_1x1 else "3x3"
            config = replace(config, compatibility=replace(config.compatibility, strided_layer=strided))
        return replace(config, conventions=self._conventions(config))

    def _conventions(self, config: ModelConfig) -> Conventions:
        conventions = config.conventions
        if self.align_corners is not None:
            conventions = replace(conventions, align_corners=self.align_corners)
        if self.mean is None and self.std is None:
            return conventions
        mean, std = conventions.input_scaling(config.in_channels)
        if self.mean is None or self.std is None:  # what is not stated stays in the range of what is
            numbers = self.mean or self.std or ()
            unit = 1.0 if max(map(abs, numbers)) > 1 else WHOLE_RANGE
            mean, std = (tuple(value / unit for value in values) for values in (mean, std))
        scaling = scaling_of_255(self.mean or mean, self.std or std)
        if any(len(values) not in (1, config.in_channels) for values in scaling):
            raise InputError(f"--mean and --std need one number, or {config.in_channels}: one for each channel")
        return replace(conventions, input_mean=scaling[0], input_std=scaling[1])


def with_rates_of(config: ModelConfig, trained: ModelConfig) -> ModelConfig:
    """The configuration with the rates that `trained` has at its own output stride, though the output strides differ.

    Raises:
        InputError: If they have no counterpart at output stride 16, where rates are counted.
    """
    if config.output_stride == trained.output_stride or not isinstance(trained.head, ASPPConfig):
        return config
    scaled = [rate * config.output_stride for rate in trained.head.rates]
    if any(rate % trained.output_stride for rate in scaled):
        raise InputError(f"--output-stride {config.output_stride}: its rates have no counterpart; state --rates, too")
    return replace(config, head=replace(trained.head, rates=tuple(rate // trained.output_stride for rate in scaled)))


def scaling_of_255(mean: Sequence[float], std: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std for pixel values of 0..255; where all are at most 1, they are for values of 0..1."""
    factor = WHOLE_RANGE if max(map(abs, (*mean, *std))) <= 1 else 1.0
    return tuple(factor * value for value in mean), tuple(factor * value for value in std)


def assumed(config: ModelConfig, names: Sequence[str]) -> str:
    """Values of settings in words, in one line; empty if there are none.

    Args:
        config: The network.
        names: Settings that nobody stated: `output_stride`, `rates`, `multi_grid`, `align_corners`, `scaling`,
            `pool_window`, `stride_in_1x1`.
    """
    conventions = config.conventions
    words = {
        "output_stride": f"output stride {config.output_stride}",
        "align_corners": f"corners {'aligned' if conventions.align_corners else 'not aligned'}",
        "scaling": f"mean {_numbers(conventions.input_mean)} and std {_numbers(conventions.input_std)} of 0..255",
    }
    if isinstance(config.head, ASPPConfig):
        words["rates"] = f"rates {_numbers(config.head.rates)} at output stride 16"
    if isinstance(config.backbone, ResNetConfig):
        words["multi_grid"] = f"Multi_Grid {_numbers(config.backbone.multi_grid)}"
        if config.backbone.depth not in BASIC_DEPTHS:
            words["stride_in_1x1"] = f"strides in the {config.compatibility.strided_layer} convolutions"
    if config.head is not None:
        window = config.compatibility.pool_window
        words["pool_window"] = (
            "image pooling over the whole image" if window is None else f"image pooling over {window}"
        )
    return ", ".join(words[name] for name in names if name in words)


NO_OVERRIDES = Overrides()


def _numbers(values: Sequence[int] | Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values) or "none"
