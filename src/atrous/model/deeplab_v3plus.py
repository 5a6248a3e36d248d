"""DeepLabv3+ (arXiv 1802.02611, Figure 2 and Table 2), and the same with logits at output stride 2."""

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.aspp import ASPP
from atrous.model.backbones.backbone import FIRST_STRIDE, LOW_STRIDE, MIDDLE_STRIDE, Backbone
from atrous.model.decoder import Decoder
from atrous.model.deeplab import DeepLab, Images, Planned
from atrous.model.fine_decoder import FineDecoder
from atrous.model.parts import Part, last_names
from atrous.model.preprocess import Preprocess


class _EncoderDecoder(DeepLab):
    """Base class of the models below: ASPP over the backbone's last map, and a decoder that ends at output stride 4."""

    aspp: ASPP
    decoder: Decoder

    @property
    def logits_stride(self) -> int:
        """Input size / size of the coarse logits."""
        return LOW_STRIDE

    @property
    def planned_parts(self) -> tuple[Planned, ...]:
        """Parts whose strides and rates follow the output stride."""
        return self.backbone, self.aspp


class DeepLabV3Plus(_EncoderDecoder):
    """DeepLabV3 as the encoder, then the decoder over low-level features -> 1x1 logits.

    image [h, w] -> preprocess -> backbone -> high [h/16, w/16] -> ASPP
                                     |                              |
                              low [h/4, w/4]                    upsample
                                     |                              |
                                 1x1 conv, 48                       |
                                     |                              |
                                     +--------> concatenate <-------+
                                                     |
                                     3x3 conv -> 3x3 conv -> classifier -> logits [h/4, w/4]
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: Backbone,
        aspp: ASPP,
        decoder: Decoder,
        *,
        classes: int,
        output_stride: int,
        align_corners: bool = True,
    ) -> None:
        super().__init__(preprocess, backbone, output_stride=output_stride, align_corners=align_corners)
        self.aspp = aspp
        self.classifier = nn.Conv2d(decoder.out_channels, classes, 1)
        self.decoder = decoder  # last: the states of optimizers go by the order of the parameters

    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass."""
        parts = [*self.backbone.parts()]
        parts += self.aspp.parts(after=parts[-1].name, output_stride=self.output_stride)
        encoded = last_names(parts)
        parts += self.decoder.parts(level="low_level", refine="refine", after=encoded, output_stride=LOW_STRIDE)
        return (*parts, Part("classifier", 1, 1, LOW_STRIDE, self.classifier, last_names(parts)))

    def forward(self, images: Images) -> Float[Tensor, "b k h4 w4"]:
        """Coarse logits at output stride 4."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        encoded = self.aspp(features.high)
        return self.classifier(self.decoder(features.low, encoded))


class DeepLabV3PlusTwoSkips(_EncoderDecoder):
    """DeepLabV3Plus with a first decoder over features at output stride 8 (DeepLabv3+, Table 2: Conv2 and Conv3).

    image [h, w] -> preprocess -> backbone -> high [h/16, w/16] -> ASPP
                                   |    |                           |
                                   |  middle [h/8, w/8]          upsample
                                   |    |                           |
                                   |    +---> middle decoder <------+
                                   |                |
                              low [h/4, w/4]     upsample
                                   |                |
                                   +---> decoder <--+
                                            |
                                       classifier -> logits [h/4, w/4]
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: Backbone,
        aspp: ASPP,
        middle_decoder: Decoder,
        decoder: Decoder,
        *,
        classes: int,
        output_stride: int,
        align_corners: bool = True,
    ) -> None:
        super().__init__(preprocess, backbone, output_stride=output_stride, align_corners=align_corners)
        self.aspp = aspp
        self.classifier = nn.Conv2d(decoder.out_channels, classes, 1)
        self.middle_decoder = middle_decoder
        self.decoder = decoder

    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass."""
        middle_stride = min(MIDDLE_STRIDE, self.output_stride)
        parts = [*self.backbone.parts()]
        parts += self.aspp.parts(after=parts[-1].name, output_stride=self.output_stride)
        parts += self.middle_decoder.parts(
            level="middle_level", refine="middle_refine", after=last_names(parts), output_stride=middle_stride
        )
        joined = last_names(parts)
        parts += self.decoder.parts(level="low_level", refine="refine", after=joined, output_stride=LOW_STRIDE)
        return (*parts, Part("classifier", 1, 1, LOW_STRIDE, self.classifier, last_names(parts)))

    def forward(self, images: Images) -> Float[Tensor, "b k h4 w4"]:
        """Coarse logits at output stride 4."""
        features = self.backbone(self.preprocess(images, output_stride=self.output_stride))
        encoded = self.aspp(features.high)
        joined = self.middle_decoder(features.middle, encoded)
        return self.classifier(self.decoder(features.low, joined))


class DeepLabV3PlusFine(_EncoderDecoder):
    """DeepLabV3Plus whose logits are refined by the first map, at output stride 2 (not in the papers).

    Things of few pixels, such as cracks and vessels, are smaller than a position of the decoder. So a few channels of
    the first map and of the decoder's output give further logits, which are added to the upsampled ones.

    image [h, w] -> preprocess -> backbone -> high [h/16, w/16] -> ASPP
                                   |    |                           |
                                   |  low [h/4, w/4] --> decoder <--+
                                   |                        |
                                   |              +---------+----------+
                                   |              |                    |
                            first [h/2, w/2]   1x1 conv         coarse classifier
                                   |           upsample             upsample
                                   |              |                    |
                                   +-> fine decoder -> classifier -> + + -> logits [h/2, w/2]
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: Backbone,
        aspp: ASPP,
        decoder: Decoder,
        fine_decoder: FineDecoder,
        *,
        classes: int,
        output_stride: int,
        align_corners: bool = True,
    ) -> None:
        super().__init__(preprocess, backbone, output_stride=output_stride, align_corners=align_corners)
        self.aspp = aspp
        self.coarse_classifier = nn.Conv2d(decoder.out_channels, classes, 1)
        self.classifier = nn.Conv2d(fine_decoder.out_channels, classes, 1)
        self.decoder = decoder
        self.fine_decoder = fine_decoder

    @property
    def classifiers(self) -> tuple[nn.Conv2d, ...]:
        """Layers that give logits."""
        return self.classifier, self.coarse_classifier

    @property
    def logits_stride(self) -> int:
        """Input size / size of the logits that the model gives."""
        return FIRST_STRIDE

    def parts(self) -> tuple[Part, ...]:
        """All parts in the order of the forward pass."""
        parts = [*self.backbone.parts()]
        parts += self.aspp.parts(after=parts[-1].name, output_stride=self.output_stride)
        parts += self.decoder.parts(
            level="low_level", refine="refine", after=last_names(parts), output_stride=LOW_STRIDE
        )
        decoded = last_names(parts)
        parts.append(Part("coarse_classifier", 1, 1, LOW_STRIDE, self.coarse_classifier, decoded))
        parts += self.fine_decoder.parts(after=decoded, input_stride=LOW_STRIDE, output_stride=FIRST_STRIDE)
        return (*parts, Part("classifier", 1, 1, FIRST_STRIDE, self.classifier, last_names(parts)))

    def forward(self, images: Images) -> Float[Tensor, "b k h2 w2"]:
        """Coarse logits at output stride 2."""
        features, first = self.backbone.with_first(self.preprocess(images, output_stride=self.output_stride))
        decoded = self.decoder(features.low, self.aspp(features.high))
        fine = self.classifier(self.fine_decoder(first, decoded))
        return fine + self.fine_decoder.resize(self.coarse_classifier(decoded), (fine.shape[-2], fine.shape[-1]))
