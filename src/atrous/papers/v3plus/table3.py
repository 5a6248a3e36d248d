"""DeepLabv3+, Table 3: output strides, decoder and inference strategies on ResNet-101, with multiply-adds."""

from atrous.model.config import DecoderConfig
from atrous.papers.networks import resnet101
from atrous.papers.table import PAPER_SCALES, Conclusion, Inference, PaperTable, Row, Training

PRINTED = (
    # trained at, evaluated at, decoder, MS, flip; mIoU, multiply-adds in billions
    (16, 16, False, False, False, 77.21, 81.02),
    (16, 8, False, False, False, 78.51, 276.18),
    (16, 8, False, True, False, 79.45, 2435.37),
    (16, 8, False, True, True, 79.77, 4870.59),
    (16, 16, True, False, False, 78.85, 101.28),  # some 1.5 below the count that fits the paper's other rows
    (16, 16, True, True, False, 80.09, 898.69),
    (16, 16, True, True, True, 80.22, 1797.23),
    (16, 8, True, False, False, 79.35, 297.92),
    (16, 8, True, True, False, 80.43, 2623.61),
    (16, 8, True, True, True, 80.57, 5247.07),
    (32, 32, False, False, False, 75.43, 52.43),
    (32, 32, True, False, False, 77.37, 74.20),
    (32, 16, True, False, False, 77.80, 101.28),
    (32, 8, True, False, False, 77.92, 297.92),
)


def _name(trained: int, evaluated: int, *words: str) -> str:
    return ", ".join([f"trained at {trained}, evaluated at {evaluated}", *words])


def _row(trained: int, evaluated: int, paper: float, printed: float, *, decoder: bool, scales: bool, flip: bool) -> Row:
    model = resnet101(decoder=DecoderConfig() if decoder else None, output_stride=trained)
    name = _name(trained, evaluated, *["decoder"] * decoder, *["MS"] * scales, *["flip"] * flip)
    return Row(
        name,
        (str(trained), str(evaluated), *("yes" if switch else "" for switch in (decoder, scales, flip))),
        paper,
        Training(model),
        Inference(evaluated, PAPER_SCALES if scales else (1.0,), flip=flip),
        printed=printed,
    )


TABLE = PaperTable(
    name="v3plus-table3",
    title="Decoder and inference strategies, ResNet-101",
    varies="output stride in training and evaluation, decoder, scales, flip",
    columns=("trained at", "evaluated at", "decoder", "MS", "flip"),
    rows=tuple(
        _row(trained, evaluated, paper, printed, decoder=decoder, scales=scales, flip=flip)
        for trained, evaluated, decoder, scales, flip, paper, printed in PRINTED
    ),
    conclusions=(
        Conclusion("the decoder helps at output stride 16", _name(16, 16, "decoder"), _name(16, 16)),
        Conclusion("the decoder helps at output stride 8", _name(16, 8, "decoder"), _name(16, 8)),
        Conclusion("the decoder helps at output stride 32", _name(32, 32, "decoder"), _name(32, 32)),
        Conclusion("with decoder, evaluating at 8 beats 16", _name(16, 8, "decoder"), _name(16, 16, "decoder")),
        Conclusion("with decoder, training at 16 beats 32", _name(16, 16, "decoder"), _name(32, 16, "decoder")),
    ),
)
