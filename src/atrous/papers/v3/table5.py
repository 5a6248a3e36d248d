"""DeepLabv3, Table 5: Multi_Grid, ASPP rates and image pooling, ResNet-101, output stride 16."""

from atrous.papers.networks import resnet101
from atrous.papers.table import Conclusion, PaperTable, Row, Training

ROWS = (
    # Multi_Grid, ASPP rates, image pooling; paper
    ((1, 1, 1), (6, 12, 18), False, 75.36),
    ((1, 2, 1), (6, 12, 18), False, 75.93),
    ((1, 2, 4), (6, 12, 18), False, 76.58),
    ((1, 2, 4), (6, 12, 18, 24), False, 76.46),
    ((1, 2, 4), (6, 12, 18), True, 77.21),
)


def _name(multi_grid: tuple[int, int, int], rates: tuple[int, ...], pooling: bool) -> str:  # noqa: FBT001
    return f"Multi_Grid {multi_grid}, rates {rates}" + ", image pooling" * pooling


TABLE = PaperTable(
    name="v3-table5",
    title="Atrous spatial pyramid pooling, ResNet-101, output stride 16",
    varies="Multi_Grid, ASPP rates, image pooling",
    columns=("Multi_Grid", "ASPP rates", "image pooling"),
    rows=tuple(
        Row(
            _name(grid, rates, pooling),
            (str(grid), str(rates), "yes" if pooling else "no"),
            paper,
            Training(resnet101(multi_grid=grid, rates=rates, image_pooling=pooling)),
        )
        for grid, rates, pooling, paper in ROWS
    ),
    conclusions=(
        Conclusion("Multi_Grid (1, 2, 4) beats (1, 1, 1)", _name(*ROWS[2][:3]), _name(*ROWS[0][:3])),
        Conclusion("a fourth branch of rate 24 is no better", _name(*ROWS[2][:3]), _name(*ROWS[3][:3])),
        Conclusion("image pooling helps", _name(*ROWS[4][:3]), _name(*ROWS[2][:3])),
    ),
)
