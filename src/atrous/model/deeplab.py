"""DeepLabv3 (arXiv 1706.05587, Figures 3 and 5) and MobileNetV3's Lite R-ASPP; the base class of all models."""

import copy
from abc import ABC, abstractmethod
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.model.aspp import ASPP
from atrous.model.backbones.backbone import MIDDLE_STRIDE, Backbone
from atrous.model.config import ModelConfig
from atrous.model.lraspp import LRASPP
from atrous.model.parts import Part, last_names
from atrous.model.preprocess import Preprocess
from atrous.model.stride_plan import check_output_stride
from atrous.ops.upsample import Placement, upsample
from atrous.sizes import Size

Images = UInt8[Tensor, "b c h w"] | Float[Tensor, "b c h w"]
"""RGB (or other channels), values 0..255, any size from 1x1."""

Planned = Backbone | ASPP | LRASPP
"""Parts whose strides and rates follow the output stride."""

Model = TypeVar("Model", bound="DeepLab")  # typing.Self, but understood by the type checker of the tests


class DeepLab(nn.Module, ABC):
    """Base class of the models; `forward` belongs to the final classes below.

    Calling a model gives *coarse* logits `[b, classes, h / s, w / s]`. `placement(size)` says how they lie over the
    image, for `atrous.ops`; `logits(images)` upsamples them for callers who need them at full size.

    Args:
        preprocess: Normalisation and padding of the image.
        backbone: Network that gives the features.
        output_stride: Output stride at which the parts were built.
        align_corners: True where resizing aligns the centres of corner pixels, False where it aligns their edges.
    """

    classifier: nn.Conv2d
    _config: ModelConfig

    def __init__(
        self, preprocess: Preprocess, backbone: Backbone, *, output_stride: int, align_corners: bool = True
    ) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.backbone = backbone
        self.align_corners = align_corners
        self._output_stride = output_stride

    @property
    def config(self) -> ModelConfig:
        """Configuration that `build` made the model from, at the output stride that it has now."""
        if self._config.output_stride != self.output_stride:
            self._config = replace(self._config, output_stride=self.output_stride)
        return self._config

    @config.setter
    def config(self, config: ModelConfig) -> None:
        self._config = config

    @property
    def classifiers(self) -> tuple[nn.Conv2d, ...]:
        """Layers that give logits."""
        return (self.classifier,)

    @property
    def output_stride(self) -> int:
        """Input size / size of the backbone's last map; setting it replans the parts of this model.

        Setting it raises InputError, and changes nothing, if the network cannot run at the output stride.
        """
        return self._output_stride

    @output_stride.setter
    def output_stride(self, output_stride: int) -> None:
        check_output_stride(output_stride, added_blocks=self.backbone.added_blocks)
        try:
            for part in self.planned_parts:
                part.plan(output_stride=output_stride)
        except InputError:
            for part in self.planned_parts:
                part.plan(output_stride=self._output_stride)
            raise
        self._output_stride = output_stride

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return self.output_stride

    @property
    @abstractmethod
    def planned_parts(self) -> tuple[Planned, ...]:
        """Parts whose strides and rates follow the output stride."""

    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass, with their names, strides, rates and inputs."""

    def replanned(self: Model, *, output_stride: int) -> Model:
        """Return a second module over the same parameters and statistics, planned for another output stride.

        Raises:
            InputError: If the network cannot run at this output stride.
        """
        tensors = {id(tensor): tensor for tensor in chain(self.parameters(), self.buffers())}
        copied = copy.deepcopy(self, tensors)
        copied.output_stride = output_stride
        return copied

    def placement(self, size: Size) -> Placement:
        """Placement of the coarse logits over an image of this size (height, width)."""
        fitted = self.preprocess.padded_size(size, output_stride=self.output_stride)
        return Placement(fitted, align_corners=self.align_corners, crop=size)

    def logits(self, images: Images) -> Float[Tensor, "b k h w"]:
        """Logits at full size: as large as classes * h * w floats."""
        height, width = images.shape[-2:]
        return upsample(self(images), self.placement((height, width)))


class DeepLabV3(DeepLab):
    """Backbone with atrous rates -> ASPP -> 1x1 logits.

    image [h, w] -> preprocess -> backbone -> high [h/16, w/16]
                                                |
           +-------------+------------+---------+--+------------+
           |             |            |            |            |
      global mean     1x1 conv     3x3 conv     3x3 conv     3x3 conv
       1x1 conv                     rate 6      rate 12      rate 18
           |             |            |            |            |
           +-------------+------------+---------+--+------------+
                                                |
                                   concatenate -> 1x1 conv -> classifier -> logits [h/16, w/16]
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: Backbone,
        aspp: ASPP,
        *,
        classes: int,
        output_stride: int,
        align_corners: bool = True,
    ) -> None:
        super().__init__(preprocess, backbone, output_stride=output_stride, align_corners=align_corners)
        self.aspp = aspp
        self.classifier = nn.Conv2d(aspp.out_channels, classes, 1)

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """Parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp

    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass."""
        parts = [*self.backbone.parts()]
        parts += self.aspp.parts(after=parts[-1].name, output_stride=self.output_stride)
        return (*parts, Part("classifier", 1, 1, self.output_stride, self.classifier, last_names(parts)))

    def forward(self, images: Images) -> Float[Tensor, "b k hs ws"]:
        """Coarse logits at the output stride."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        return self.classifier(self.aspp(features.high))


class DeepLabV3Cascade(DeepLab):
    """Backbone with atrous rates, its last block repeated, -> 1x1 logits (DeepLabv3, section 3.2 and Figure 3).

    image [h, w] -> preprocess -> block1 ... block4 -> block5 -> block6 -> block7 -> classifier -> logits
                    strides        4      16, rate 2    rate 4    rate 8    rate 16              [h/16, w/16]
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: Backbone,
        *,
        classes: int,
        output_stride: int,
        align_corners: bool = True,
    ) -> None:
        super().__init__(preprocess, backbone, output_stride=output_stride, align_corners=align_corners)
        self.classifier = nn.Conv2d(backbone.high_channels, classes, 1)

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """Parts whose strides and rates follow the output stride."""
        return (self.backbone,)

    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass."""
        parts = [*self.backbone.parts()]
        return (*parts, Part("classifier", 1, 1, self.output_stride, self.classifier, last_names(parts)))

    def forward(self, images: Images) -> Float[Tensor, "b k hs ws"]:
        """Coarse logits at the output stride."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        return self.classifier(features.high)


class DeepLabLRASPP(DeepLab):
    r"""Backbone -> Lite R-ASPP -> 1x1 logits, and 1x1 logits of the middle features added (MobileNetV3, Figure 10).

    image [h, w] -> preprocess -> backbone -> high [h/16, w/16] -> 1x1 conv ---> x -> upsample -> classifier
                                     |                        \                 |                     |
                              middle [h/8, w/8]                mean -> 1x1 -> gate                    +-> logits
                                     |                                                                |  [h/8, w/8]
                                     +------------------------------> middle classifier --------------+
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: Backbone,
        aspp: LRASPP,
        *,
        classes: int,
        output_stride: int,
        align_corners: bool = True,
    ) -> None:
        super().__init__(preprocess, backbone, output_stride=output_stride, align_corners=align_corners)
        self.aspp = aspp
        self.classifier = nn.Conv2d(aspp.out_channels, classes, 1)
        self.middle_classifier = nn.Conv2d(backbone.middle_channels, classes, 1)

    @property
    def classifiers(self) -> tuple[nn.Conv2d, ...]:
        """Layers that give logits."""
        return self.classifier, self.middle_classifier

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return min(MIDDLE_STRIDE, self.output_stride)

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """Parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp

    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass."""
        parts = [*self.backbone.parts()]
        parts += self.aspp.parts(after=parts[-1].name, output_stride=self.output_stride)
        classified = last_names(parts)
        middle = Part("middle_classifier", 1, 1, self.logits_stride, self.middle_classifier)
        return (*parts, middle, Part("classifier", 1, 1, self.logits_stride, self.classifier, classified))

    def forward(self, images: Images) -> Float[Tensor, "b k h8 w8"]:
        """Coarse logits at output stride 8."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        encoded = self.aspp(features.high, size=features.middle.shape[-2:])
        return self.classifier(encoded) + self.middle_classifier(features.middle)
