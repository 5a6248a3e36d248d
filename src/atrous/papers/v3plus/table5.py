"""DeepLabv3+, Table 5: Xception-65 with decoder, separable convolutions, scales, flip and more pretraining."""

from atrous.papers.networks import xception
from atrous.papers.table import PAPER_SCALES, Conclusion, Inference, PaperTable, Row, Start, Training

PRINTED: tuple[tuple[int, bool, bool, bool, bool, Start, float, float], ...] = (
    # evaluated at, decoder, MS, flip, separable (SC), pretraining; mIoU, multiply-adds in billions
    (16, False, False, False, False, "ImageNet", 79.17, 68.00),
    (16, False, True, False, False, "ImageNet", 80.57, 601.74),
    (16, False, True, True, False, "ImageNet", 80.79, 1203.34),
    (8, False, False, False, False, "ImageNet", 79.64, 240.85),
    (8, False, True, False, False, "ImageNet", 81.15, 2149.91),
    (8, False, True, True, False, "ImageNet", 81.34, 4299.68),
    (16, True, False, False, False, "ImageNet", 79.93, 89.76),
    (16, True, True, False, False, "ImageNet", 81.38, 790.12),
    (16, True, True, True, False, "ImageNet", 81.44, 1580.10),
    (8, True, False, False, False, "ImageNet", 80.22, 262.59),
    (8, True, True, False, False, "ImageNet", 81.60, 2338.15),
    (8, True, True, True, False, "ImageNet", 81.63, 4676.16),
    (16, True, False, False, True, "ImageNet", 79.79, 54.17),
    (16, True, True, True, True, "ImageNet", 81.21, 928.81),
    (8, True, False, False, True, "ImageNet", 80.02, 177.10),
    (8, True, True, True, True, "ImageNet", 81.39, 3055.35),
    (16, True, False, False, True, "COCO", 82.20, 54.17),
    (16, True, True, True, True, "COCO", 83.34, 928.81),
    (8, True, False, False, True, "COCO", 82.45, 177.10),
    (8, True, True, True, True, "COCO", 83.58, 3055.35),
    (16, True, False, False, True, "JFT", 83.03, 54.17),
    (16, True, True, True, True, "JFT", 84.22, 928.81),
    (8, True, False, False, True, "JFT", 83.39, 177.10),
    (8, True, True, True, True, "JFT", 84.56, 3055.35),
)


def _name(evaluated: int, *words: str) -> str:
    return ", ".join([f"evaluated at {evaluated}", *words])


def _row(
    evaluated: int,
    paper: float,
    printed: float,
    *,
    decoder: bool,
    scales: bool,
    flip: bool,
    separable: bool,
    start: Start,
) -> Row:
    more = {"ImageNet": (), "COCO": ("COCO",), "JFT": ("COCO", "JFT")}[start]
    switches = {"decoder": decoder, "MS": scales, "flip": flip, "SC": separable}
    return Row(
        _name(evaluated, *[word for word, on in switches.items() if on], *more),
        (str(evaluated), *("yes" if on else "" for on in switches.values()), " and ".join(more)),
        paper,
        Training(xception(decoder=decoder, separable=separable), start=start),
        Inference(evaluated, PAPER_SCALES if scales else (1.0,), flip=flip),
        printed=printed,
    )


TABLE = PaperTable(
    name="v3plus-table5",
    title="Xception-65, trained at output stride 16",
    varies="output stride in evaluation, decoder, scales, flip, separable ASPP and decoder, pretraining",
    columns=("evaluated at", "decoder", "MS", "flip", "SC", "more pretraining"),
    rows=tuple(
        _row(evaluated, paper, printed, decoder=decoder, scales=scales, flip=flip, separable=separable, start=start)
        for evaluated, decoder, scales, flip, separable, start, paper, printed in PRINTED
    ),
    conclusions=(
        Conclusion("the decoder helps at output stride 16", _name(16, "decoder"), _name(16)),
        Conclusion("the decoder helps at output stride 8", _name(8, "decoder"), _name(8)),
        Conclusion("evaluating at 8 beats 16 without decoder", _name(8), _name(16)),
        Conclusion("plain convolutions beat separable ones", _name(16, "decoder"), _name(16, "decoder", "SC")),
    ),
)
