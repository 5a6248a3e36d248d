"""DeepLabv3 (arXiv 1706.05587, Figures 3 and 5), DeepLabv3+ (1802.02611, Figure 2) and their lite relative."""

import copy
from abc import ABC, abstractmethod
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from atrous.model.aspp import ASPP
from atrous.model.backbones.features import LOW_STRIDE, MIDDLE_STRIDE, Backbone
from atrous.model.config import ModelConfig
from atrous.model.decoder import Decoder
from atrous.model.lraspp import LRASPP
from atrous.model.preprocess import Preprocess
from atrous.ops.upsample import Placement, upsample
from atrous.sizes import Size

Images = UInt8[Tensor, "b c h w"] | Float[Tensor, "b c h w"]
"""RGB (or other channels), values 0..255, any size from 1x1."""

Planned = Backbone | ASPP | LRASPP

Model = TypeVar("Model", bound="DeepLab")  # typing.Self, but understood by the type checker of the tests


class DeepLab(nn.Module, ABC):
    """What the models share; abstract: `forward` belongs to the final classes below.

    Calling a model gives *coarse* logits `[b, classes, h / s, w / s]`. `placement(size)` says how they lie over the
    image, for `atrous.ops`; `logits(images)` upsamples them where somebody really wants them at full size.
    """

    classifier: nn.Conv2d

    def __init__(self, config: ModelConfig, preprocess: Preprocess, backbone: Backbone) -> None:
        """`config` says what the parts were built from."""
        super().__init__()
        self.config = config
        self.preprocess = preprocess
        self.backbone = backbone

    @property
    def classifiers(self) -> tuple[nn.Conv2d, ...]:
        """What gives logits."""
        return (self.classifier,)

    @property
    def output_stride(self) -> int:
        """Input size / size of the backbone's last map; setting it replans backbone and ASPP of this very module."""
        return self.config.output_stride

    @output_stride.setter
    def output_stride(self, output_stride: int) -> None:
        config = replace(self.config, output_stride=output_stride)  # refuses before anything has changed
        for part in self.planned_parts:
            part.plan(output_stride=output_stride)
        self.config = config

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return self.output_stride

    @property
    @abstractmethod
    def planned_parts(self) -> tuple[Planned, ...]:
        """The parts whose strides and rates follow the output stride."""

    def replanned(self: Model, *, output_stride: int) -> Model:
        """A second module over the same parameters and statistics, with strides and rates for another output stride.

        Raises:
            InputError: If the network cannot run at this output stride.
        """
        tensors = {id(tensor): tensor for tensor in chain(self.parameters(), self.buffers())}
        twin = copy.deepcopy(self, tensors)
        twin.output_stride = output_stride
        return twin

    def placement(self, size: Size) -> Placement:
        """How the coarse logits of an image of this size (height, width) lie over it."""
        fitted = self.preprocess.fitted(size, output_stride=self.output_stride)
        return Placement(fitted, align_corners=self.config.conventions.align_corners, crop=size)

    def logits(self, images: Images) -> Float[Tensor, "b k h w"]:
        """Logits at full size: as large as classes * h * w floats."""
        height, width = images.shape[-2:]
        return upsample(self(images), self.placement((height, width)))


class DeepLabV3(DeepLab):
    """Backbone with atrous rates -> ASPP -> 1x1 logits."""

    def __init__(self, config: ModelConfig, preprocess: Preprocess, backbone: Backbone, aspp: ASPP) -> None:
        super().__init__(config, preprocess, backbone)
        self.aspp = aspp
        self.classifier = nn.Conv2d(aspp.out_channels, config.classes, 1)

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """The parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp

    def forward(self, images: Images) -> Float[Tensor, "b k hs ws"]:
        """Coarse logits at the output stride."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        return self.classifier(self.aspp(features.high))


class DeepLabV3Cascade(DeepLab):
    """Backbone with atrous rates, its last block repeated, -> 1x1 logits (DeepLabv3, section 3.2 and Figure 3)."""

    def __init__(self, config: ModelConfig, preprocess: Preprocess, backbone: Backbone) -> None:
        super().__init__(config, preprocess, backbone)
        self.classifier = nn.Conv2d(backbone.high_channels, config.classes, 1)

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """The parts whose strides and rates follow the output stride."""
        return (self.backbone,)

    def forward(self, images: Images) -> Float[Tensor, "b k hs ws"]:
        """Coarse logits at the output stride."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        return self.classifier(features.high)


class DeepLabV3Plus(DeepLab):
    """DeepLabV3 as the encoder, then the decoder over low-level features -> 1x1 logits."""

    def __init__(
        self, config: ModelConfig, preprocess: Preprocess, backbone: Backbone, aspp: ASPP, decoder: Decoder
    ) -> None:
        super().__init__(config, preprocess, backbone)
        self.aspp = aspp
        self.classifier = nn.Conv2d(decoder.out_channels, config.classes, 1)
        self.decoder = decoder  # last: the states of optimizers go by the order of the parameters

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return LOW_STRIDE

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """The parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp

    def forward(self, images: Images) -> Float[Tensor, "b k h4 w4"]:
        """Coarse logits at output stride 4."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        encoded = self.aspp(features.high)
        return self.classifier(self.decoder(features.low, encoded))


class DeepLabV3PlusTwoSkips(DeepLab):
    """DeepLabV3Plus with a first decoder over features at output stride 8 (DeepLabv3+, Table 2: Conv2 and Conv3)."""

    def __init__(
        self,
        config: ModelConfig,
        preprocess: Preprocess,
        backbone: Backbone,
        aspp: ASPP,
        middle_decoder: Decoder,
        decoder: Decoder,
    ) -> None:
        super().__init__(config, preprocess, backbone)
        self.aspp = aspp
        self.classifier = nn.Conv2d(decoder.out_channels, config.classes, 1)
        self.middle_decoder = middle_decoder
        self.decoder = decoder

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return LOW_STRIDE

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """The parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp

    def forward(self, images: Images) -> Float[Tensor, "b k h4 w4"]:
        """Coarse logits at output stride 4."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        encoded = self.aspp(features.high)
        joined = self.middle_decoder(features.middle, encoded)
        return self.classifier(self.decoder(features.low, joined))


class DeepLabLRASPP(DeepLab):
    """Backbone -> Lite R-ASPP -> 1x1 logits, and 1x1 logits of the middle features added (MobileNetV3, Figure 10)."""

    def __init__(self, config: ModelConfig, preprocess: Preprocess, backbone: Backbone, aspp: LRASPP) -> None:
        super().__init__(config, preprocess, backbone)
        self.aspp = aspp
        self.classifier = nn.Conv2d(aspp.out_channels, config.classes, 1)
        self.middle_classifier = nn.Conv2d(backbone.middle_channels, config.classes, 1)

    @property
    def classifiers(self) -> tuple[nn.Conv2d, ...]:
        """What gives logits."""
        return self.classifier, self.middle_classifier

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return min(MIDDLE_STRIDE, self.output_stride)

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """The parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp

    def forward(self, images: Images) -> Float[Tensor, "b k h8 w8"]:
        """Coarse logits at output stride 8."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        encoded = self.aspp(features.high, size=features.middle.shape[-2:])
        return self.classifier(encoded) + self.middle_classifier(features.middle)
