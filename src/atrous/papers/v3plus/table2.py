"""DeepLabv3+, Table 2: structure of the decoder, low-level features of 48 channels."""

from atrous.model.config import DecoderConfig, LayerSpec
from atrous.papers.networks import resnet101
from atrous.papers.table import Conclusion, PaperTable, Row, Training

LARGE, NARROW, POINTWISE = (3, 256, False), (3, 128, False), (1, 256, False)

ROWS: tuple[tuple[bool, str, tuple[LayerSpec, ...], float], ...] = (
    # Conv3 as a second tap, structure in words, layers; paper
    (False, "[3x3, 256]", (LARGE,), 78.21),
    (False, "[3x3, 256] x 2", (LARGE, LARGE), 78.85),
    (False, "[3x3, 256] x 3", (LARGE, LARGE, LARGE), 78.02),
    (False, "[3x3, 128]", (NARROW,), 77.25),
    (False, "[1x1, 256]", (POINTWISE,), 78.07),
    (True, "[3x3, 256]", (LARGE,), 78.61),
)


def _row(words: str, layers: tuple[LayerSpec, ...], paper: float, *, conv3: bool) -> Row:
    decoder = DecoderConfig(
        refinement=layers, middle_level_channels=48 if conv3 else None, middle_refinement=layers if conv3 else ()
    )
    taps = "Conv2 and Conv3" if conv3 else "Conv2"
    return Row(f"{taps}, {words}", (taps, words), paper, Training(resnet101(decoder=decoder)))


TABLE = PaperTable(
    name="v3plus-table2",
    title="Structure of the decoder, ResNet-101",
    varies="low-level taps, convolutions after the concatenation",
    columns=("low-level features", "structure"),
    rows=tuple(_row(words, layers, paper, conv3=conv3) for conv3, words, layers, paper in ROWS),
    conclusions=(
        Conclusion("two 3x3 convolutions beat one", "Conv2, [3x3, 256] x 2", "Conv2, [3x3, 256]"),
        Conclusion("a third 3x3 convolution does not help", "Conv2, [3x3, 256] x 2", "Conv2, [3x3, 256] x 3"),
        Conclusion("256 channels beat 128", "Conv2, [3x3, 256]", "Conv2, [3x3, 128]"),
        Conclusion("a 3x3 convolution beats a 1x1", "Conv2, [3x3, 256]", "Conv2, [1x1, 256]"),
        Conclusion("Conv3 as a second tap does not beat x 2", "Conv2, [3x3, 256] x 2", "Conv2 and Conv3, [3x3, 256]"),
    ),
)
