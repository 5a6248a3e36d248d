"""DeepLabv3+, Table 1: channels of the projected low-level features, one 3x3 convolution of 256 after them."""

from atrous.model.config import DecoderConfig
from atrous.papers.networks import resnet101
from atrous.papers.table import Conclusion, PaperTable, Row, Training

PRINTED = {8: 77.61, 16: 77.92, 32: 78.16, 48: 78.21, 64: 77.94}


def _name(channels: int) -> str:
    return f"{channels} channels"


TABLE = PaperTable(
    name="v3plus-table1",
    title="Channels of the low-level features in the decoder, ResNet-101",
    varies="channels of the 1x1 convolution on Conv2",
    columns=("channels",),
    rows=tuple(
        Row(
            _name(channels),
            (str(channels),),
            paper,
            Training(resnet101(decoder=DecoderConfig(channels, refinement=((3, 256, False),)))),
            x=channels,
        )
        for channels, paper in PRINTED.items()
    ),
    conclusions=(
        Conclusion("48 channels beat 8", _name(48), _name(8)),
        Conclusion("64 channels are no better than 48", _name(48), _name(64)),
    ),
    x_label="channels",
)
