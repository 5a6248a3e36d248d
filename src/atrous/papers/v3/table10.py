"""DeepLabv3, Table 10: output stride in training and evaluation, ResNet-101 with ASPP."""

from atrous.papers.networks import resnet101
from atrous.papers.table import Conclusion, Inference, PaperTable, Row, Training

PRINTED = {
    # evaluation: trained at 8, 16, 32
    16: (74.45, 77.21, 75.90),
    8: (75.62, 78.51, 75.75),
}


def _name(trained: int, evaluated: int) -> str:
    return f"trained at {trained}, evaluated at {evaluated}"


TABLE = PaperTable(
    name="v3-table10",
    title="Output stride in training and in evaluation, ResNet-101 with ASPP",
    varies="output stride in training, output stride in evaluation",
    columns=("trained at", "evaluated at"),
    rows=tuple(
        Row(
            _name(trained, evaluated),
            (str(trained), str(evaluated)),
            paper,
            Training(resnet101(output_stride=trained)),
            Inference(evaluated),
            x=trained,
            curve=f"evaluated at {evaluated}",
        )
        for evaluated, figures in PRINTED.items()
        for trained, paper in zip((8, 16, 32), figures, strict=True)
    ),
    conclusions=(
        Conclusion("evaluated at 16, training at 16 beats 8", _name(16, 16), _name(8, 16)),
        Conclusion("evaluated at 8, training at 16 beats 8", _name(16, 8), _name(8, 8)),
        Conclusion("evaluated at 8, training at 16 beats 32", _name(16, 8), _name(32, 8)),
        Conclusion("trained at 16, evaluating at 8 beats 16", _name(16, 8), _name(16, 16)),
    ),
    x_label="output stride in training",
)
