"""Configuration of a model: every switch of both papers; contradictions are refused."""

import re
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar, Literal, cast, get_args

from atrous.errors import InputError
from atrous.model.compatibility import PAPERS, Compatibility, check_choice, check_window
from atrous.model.conventions import TENSORFLOW, Conventions
from atrous.model.stride_plan import MAX_ADDED_BLOCKS, aspp_rates, check_head_stride, check_output_stride

LayerSpec = tuple[int, int, bool]
"""(kernel, channels, separable) of a convolution in a head or decoder."""

MAX_RATE, MAX_KERNEL, MAX_LAYERS = 4096, 31, 16
"""Beyond any use, and small enough that a configuration from a stranger cannot exhaust the memory by them."""


@dataclass(frozen=True)
class MobileNetV2Config:
    """MobileNetV2.

    Attributes:
        depth_multiplier: Scales the width of all layers.
        channel_divisor: Widths are rounded to multiples of this: ImageNet's weights use 8. None is DeepLab's rule, 8 at
            multiplier 1 and no rounding at any other.
        last_channels: Channels of a last 1x1 convolution: ImageNet's 1280 at most multipliers, or None: DeepLab leaves
            it out.
    """

    kind: ClassVar = "mobilenet_v2"
    depth_multiplier: float = 1.0
    channel_divisor: int | None = None
    last_channels: int | None = None

    def __post_init__(self) -> None:
        """Reject widths that no layer can have."""
        _check_multiplier(self.depth_multiplier, "depth")
        if self.last_channels is not None and not 1 <= self.last_channels <= 65536:
            raise InputError(f"{self.last_channels} last channels are out of range; choose 1 to 65536")
        if self.channel_divisor is not None and not 1 <= self.channel_divisor <= 256:
            raise InputError(f"channel divisor {self.channel_divisor} is out of range; choose 1 to 256")


MIDDLE_LAYERS = {"large": (5, 6, 7), "small": (3, 4)}
"""The units of a MobileNetV3 at output stride 8, by the official code's names: the stem is layer_1."""


@dataclass(frozen=True)
class MobileNetV3Config:
    """MobileNetV3.

    Attributes:
        variant: Network of Table 1 (large) or Table 2 (small) of its paper.
        depth_multiplier: Scales the width of all layers, which are then rounded to multiples of 8.
        tail_multiplier: Scales, in addition, the layers from the last strided unit on: 0.5 in the official models for
            segmentation ("reduce the filters in the last block", section 6.4).
    """

    kind: ClassVar = "mobilenet_v3"
    variant: Literal["large", "small"] = "large"
    depth_multiplier: float = 1.0
    tail_multiplier: float = 1.0

    def __post_init__(self) -> None:
        """Reject networks that do not exist and widths that no layer can have."""
        if self.variant not in MIDDLE_LAYERS:
            raise InputError(f"MobileNetV3 {self.variant!r:.80} is unknown; choose large or small")
        _check_multiplier(self.depth_multiplier, "depth")
        _check_multiplier(self.tail_multiplier, "tail")


Depth = Literal[18, 34, 50, 101, 152]
"""Layers of a ResNet (arXiv 1512.03385, Table 1)."""
BASIC_DEPTHS = (18, 34)
"""ResNets of units with two 3x3 convolutions; the others have bottlenecks."""


@dataclass(frozen=True)
class ResNetConfig:
    """ResNet.

    Attributes:
        depth: 18, 34, 50, 101 or 152.
        multi_grid: Unit rates of block4 and of every added block (DeepLabv3, section 3.2.1); ResNet-18, whose blocks
            have two units, takes the first two.
        stem: One 7x7 convolution, or three 3x3: 64, 64 and 128 channels ("beta", the official code), or 32, 32 and 64
            ("v1c", MMSegmentation).
        added_blocks: Copies of block4 after it, 0 to 3: the cascade of section 3.2.
        depth_multiplier: Scales the width of all layers, which are then rounded to multiples of 8 (not in the papers).
    """

    kind: ClassVar = "resnet"
    depth: Depth = 50
    multi_grid: tuple[int, int, int] = (1, 1, 1)
    stem: Literal["7x7", "beta", "v1c"] = "7x7"
    added_blocks: int = 0
    depth_multiplier: float = 1.0

    def __post_init__(self) -> None:
        """Reject depths, stems and blocks that do not exist and widths and rates that no layer can have."""
        _check_multiplier(self.depth_multiplier, "depth")
        if self.depth not in get_args(Depth):
            raise InputError(f"ResNet depth {self.depth} is unknown; choose 18, 34, 50, 101 or 152")
        check_choice(self.stem, ("7x7", "beta", "v1c"), name="ResNet stem")
        if not 0 <= self.added_blocks <= MAX_ADDED_BLOCKS:
            raise InputError(f"{self.added_blocks} added blocks are out of range; choose 0 to {MAX_ADDED_BLOCKS}")
        if len(self.multi_grid) != 3 or not all(1 <= rate <= MAX_RATE for rate in self.multi_grid):
            raise InputError(f"Multi_Grid {self.multi_grid} needs three rates from 1 to {MAX_RATE}")


@dataclass(frozen=True)
class XceptionConfig:
    """Modified Aligned Xception (DeepLabv3+, section 3.2).

    Attributes:
        depth: 41, 65 or 71.
        depth_multiplier: Scales the width of all layers, which are then rounded to multiples of 8 (not in the papers).
    """

    kind: ClassVar = "xception"
    depth: Literal[41, 65, 71] = 65
    depth_multiplier: float = 1.0

    def __post_init__(self) -> None:
        """Reject depths that do not exist and widths that no layer can have."""
        _check_multiplier(self.depth_multiplier, "depth")
        if self.depth not in (41, 65, 71):
            raise InputError(f"Xception depth {self.depth} is unknown; choose 41, 65 or 71")


@dataclass(frozen=True)
class EfficientNetLiteConfig:
    """EfficientNet-Lite: EfficientNet without squeeze-and-excite, with ReLU6.

    Attributes:
        variant: 0, 1 or 2.
    """

    kind: ClassVar = "efficientnet_lite"
    variant: Literal[0, 1, 2] = 0

    def __post_init__(self) -> None:
        """Reject variants that do not exist or are not built here."""
        if self.variant not in (0, 1, 2):
            raise InputError(f"EfficientNet-Lite{self.variant} is not built here; choose 0, 1 or 2")


@dataclass(frozen=True)
class TimmConfig:
    """A network of the library timm, made atrous (`model/backbones/atrous_encoder.py`).

    Attributes:
        network: Its name there, such as `resnet50d`.
    """

    kind: ClassVar = "timm"
    network: str

    def __post_init__(self) -> None:
        """Reject what is no plain name: timm takes names of hubs and folders, too, and opens them."""
        if not re.fullmatch(r"[A-Za-z0-9_]{1,80}", self.network):
            raise InputError(
                f"timm:{self.network:.80} is no name of a network; give one that timm lists, such as timm:resnet50d"
            )


BackboneConfig = (
    MobileNetV2Config | MobileNetV3Config | ResNetConfig | XceptionConfig | EfficientNetLiteConfig | TimmConfig
)


def _check_multiplier(multiplier: float, name: str) -> None:
    if not 0.01 <= multiplier <= 8:
        raise InputError(f"{name} multiplier {multiplier} is out of range; choose 0.01 to 8")


def _check_layers(layers: tuple[LayerSpec, ...], name: str) -> None:
    if len(layers) > MAX_LAYERS:
        raise InputError(f"{len(layers)} {name} layers are too many; choose up to {MAX_LAYERS}")
    for kernel, channels, _ in layers:
        if not 1 <= kernel <= MAX_KERNEL or kernel % 2 == 0 or not 1 <= channels <= 65536:
            raise InputError(
                f"{name} layer ({kernel}, {channels}) needs an odd kernel to {MAX_KERNEL} and 1 to 65536 channels"
            )


@dataclass(frozen=True)
class ASPPConfig:
    """Atrous spatial pyramid pooling.

    Attributes:
        rates: Rates of the 3x3 branches at output stride 16; they scale with it. () is the mobile head without them.
        aspp_channels: Channels of each branch.
        image_pooling: True for a branch of image-level features.
        separable: True for depthwise separable 3x3 branches.
        projection: (kernel, channels, separable) of each layer after the concatenation.
        dropout: Probability after the projection (official code: 0.1; not in the papers).
    """

    rates: tuple[int, ...] = (6, 12, 18)
    aspp_channels: int = 256
    image_pooling: bool = True
    separable: bool = False
    projection: tuple[LayerSpec, ...] = ((1, 256, False),)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Reject heads that cannot be built."""
        if not 1 <= self.aspp_channels <= 65536 or not 0 <= self.dropout < 1:
            raise InputError(
                f"ASPP needs 1 to 65536 channels and a dropout in [0, 1); got {self.aspp_channels}, {self.dropout}"
            )
        if len(self.rates) > MAX_LAYERS or not all(1 <= rate <= MAX_RATE for rate in self.rates):
            raise InputError(f"ASPP rates {self.rates} need to be up to {MAX_LAYERS} numbers from 1 to {MAX_RATE}")
        _check_layers(self.projection, "projection")


@dataclass(frozen=True)
class LRASPPConfig:
    """Lite R-ASPP, the head of MobileNetV3.

    Attributes:
        aspp_channels: Channels of both branches.
        pool_stride: (down, right) in pixels from window to window, where the compatibility says `pool_window`.
        gate: Activation of the gates: sigmoid (paper, torchvision) or hard sigmoid (official code).
    """

    kind: ClassVar = "lraspp"
    aspp_channels: int = 128
    pool_stride: tuple[int, int] = (128, 160)
    gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid"

    def __post_init__(self) -> None:
        """Reject heads that cannot be built."""
        if self.gate not in ("sigmoid", "hard_sigmoid"):
            raise InputError(f"gate {self.gate!r:.80} is unknown; choose sigmoid or hard_sigmoid")
        if not 1 <= self.aspp_channels <= 65536:
            raise InputError(f"{self.aspp_channels} channels are out of range; choose 1 to 65536")
        check_window("stride", self.pool_stride)


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder of DeepLabv3+.

    Attributes:
        low_level_channels: Channels that the low-level features are projected to.
        refinement: (kernel, channels, separable) of each layer after the concatenation.
        middle_level_channels: Channels that features at output stride 8 are projected to; these are joined before the
            low-level ones (Conv3 of DeepLabv3+, Table 2). None leaves them out.
        middle_refinement: Layers after joining these: (kernel, channels, separable) of each.
        fine_channels: Channels of a small decoder over the map at output stride 2, whose logits are added, for things
            of few pixels (not in the papers). None leaves it out.
    """

    low_level_channels: int = 48
    refinement: tuple[LayerSpec, ...] = ((3, 256, False), (3, 256, False))
    middle_level_channels: int | None = None
    middle_refinement: tuple[LayerSpec, ...] = ()
    fine_channels: int | None = None

    def __post_init__(self) -> None:
        """Reject decoders that cannot be built."""
        _check_layers(((1, self.low_level_channels, False),), "low-level")
        _check_layers(self.refinement, "refinement")
        _check_layers(self.middle_refinement, "middle refinement")
        if self.middle_level_channels is not None:
            _check_layers(((1, self.middle_level_channels, False),), "middle-level")
        elif self.middle_refinement:
            raise InputError("a middle refinement needs features to refine; give middle-level channels, as 48")
        if self.fine_channels is not None:
            if not 2 <= self.fine_channels <= 65536:
                raise InputError(f"{self.fine_channels} fine channels are out of range; choose 2 to 65536, as 48")
            if self.middle_level_channels is not None:
                raise InputError("no decoder takes maps at output strides 8, 4 and 2; leave out middle or fine ones")


@dataclass(frozen=True)
class ModelConfig:
    """DeepLabv3 (no decoder), DeepLabv3+, or one of their relatives.

    Attributes:
        backbone: Network that gives the features.
        head: ASPP, Lite R-ASPP, or None for the cascade: logits straight from the backbone.
        decoder: The decoder, or None for DeepLabv3.
        conventions: Conventions that the weights are trained with.
        compatibility: Details that only weights of other projects ask for.
        classes: Channels of the logits.
        output_stride: Input size / size of the backbone's last map: 4, 8, 16 or 32; without ASPP, each added block of a
            ResNet allows another doubling, up to 256.
        in_channels: Channels of the image.
    """

    backbone: BackboneConfig
    head: ASPPConfig | LRASPPConfig | None = ASPPConfig()
    decoder: DecoderConfig | None = None
    conventions: Conventions = TENSORFLOW
    compatibility: Compatibility = PAPERS
    classes: int = 21
    output_stride: int = 16
    in_channels: int = 3

    def __post_init__(self) -> None:
        """Reject contradictions before a layer is built."""
        added_blocks = self.backbone.added_blocks if isinstance(self.backbone, ResNetConfig) else 0
        check_output_stride(self.output_stride, added_blocks=added_blocks)
        if self.head is not None:
            self._check_head(self.head)
        _check_compatibility(self.compatibility, self.backbone)
        if self.decoder is not None and not isinstance(self.head, ASPPConfig):
            raise InputError("the decoder refines what an ASPP gives; leave it out, or add an ASPP")
        if not isinstance(cast(object, self.classes), Integral):
            raise InputError(
                f"classes={self.classes!r:.40}: give the number of classes; names belong to the labels of "
                "atrous.Predictor and atrous.save"
            )
        if not 1 <= self.classes <= 32767:
            raise InputError(f"{self.classes} classes are out of range; choose 1 to 32767")
        if not 1 <= self.in_channels <= 1024:
            raise InputError(f"{self.in_channels} image channels are out of range; choose 1 to 1024")

    def _check_head(self, head: ASPPConfig | LRASPPConfig) -> None:
        check_head_stride(self.output_stride)
        if isinstance(head, ASPPConfig):
            aspp_rates(head.rates, output_stride=self.output_stride)


def _check_compatibility(compatibility: Compatibility, backbone: BackboneConfig) -> None:
    """Refuse details that a backbone is not built with."""
    if compatibility.middle_level is not None:
        layers = MIDDLE_LAYERS[backbone.variant] if isinstance(backbone, MobileNetV3Config) else ()
        layer, map_ = compatibility.middle_level
        if layer not in layers or map_ not in ("depthwise", "output"):
            listed = f"choose layer {', '.join(map(str, layers))} and depthwise or output" if layers else "leave it out"
            raise InputError(f"output stride 8 is not at {compatibility.middle_level}; {listed}")
    if compatibility.low_level != "inside" and not isinstance(
        backbone, MobileNetV2Config | ResNetConfig | EfficientNetLiteConfig
    ):
        raise InputError("low level 'output' is built for MobileNetV2, EfficientNet-Lite and ResNet only")
    if compatibility.unstrided_rate != "before" and isinstance(backbone, XceptionConfig):
        raise InputError("unstrided rate 'after' is not built for Xception")
    depth = backbone.depth if isinstance(backbone, ResNetConfig) else None
    if compatibility.strided_layer != "3x3" and (depth is None or depth in BASIC_DEPTHS):
        raise InputError("strided layer '1x1' is built for ResNet-50, -101 and -152 only")
    if compatibility.second_rate != "planned" and depth not in BASIC_DEPTHS:
        raise InputError("second rate 'one' is built for ResNet-18 and -34 only")
    if compatibility.padded != "convolutions" and not isinstance(backbone, MobileNetV2Config):
        raise InputError("padding of 'units' is built for MobileNetV2 only")
