"""DeepLabv3+, section 4.4, Figure 5: mIoU near boundaries, with the decoder and without it."""

from atrous.evaluation.boundaries import WIDTHS
from atrous.model.config import DecoderConfig
from atrous.papers.networks import resnet101, xception
from atrous.papers.table import Conclusion, PaperTable, Row, Training

NETWORKS = {
    # network: without decoder, with it; gain in points in the narrowest band, as the paper's text says
    "ResNet-101": (resnet101(), resnet101(decoder=DecoderConfig()), 4.8),
    "Xception-65": (xception(), xception(decoder=True), 5.4),
}
UPSAMPLED, DECODER = "bilinear upsampling", "decoder"


def _name(network: str, kind: str, width: int) -> str:
    return f"{network}, {kind}, band of {width} px"


TABLE = PaperTable(
    name="v3plus-trimap",
    title="mIoU in bands around boundaries (trimap), output stride 16",
    varies="backbone, decoder, width of the band; the paper draws a curve and states two gains",
    columns=("network", "upsampling", "width of the band, px"),
    rows=tuple(
        Row(
            _name(network, kind, width),
            (network, kind, str(width)),
            None,
            Training(model),
            x=width,
            curve=f"{network}, {kind}",
            trimap=width,
        )
        for network, (plain, decoder, _) in NETWORKS.items()
        for kind, model in ((UPSAMPLED, plain), (DECODER, decoder))
        for width in WIDTHS
    ),
    conclusions=tuple(
        Conclusion(
            f"the decoder helps within {width} px of boundaries, {network}",
            _name(network, DECODER, width),
            _name(network, UPSAMPLED, width),
            paper=gain if width == WIDTHS[0] else None,
        )
        for network, (_, _, gain) in NETWORKS.items()
        for width in WIDTHS
    ),
    x_label="width of the band, px",
)
