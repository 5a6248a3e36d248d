"""DeepLabv3, Table 3: unit rates (Multi_Grid) and depth of the cascade, ResNet-101, output stride 16."""

from atrous.papers.networks import cascade, cascade_backbone
from atrous.papers.table import Conclusion, PaperTable, Row, Training

PRINTED = {
    # Multi_Grid: block4, block5, block6, block7
    (1, 1, 1): (68.39, 73.21, 75.34, 75.76),
    (1, 2, 1): (70.23, 75.67, 76.09, 76.66),
    (1, 2, 3): (73.14, 75.78, 75.96, 76.11),
    (1, 2, 4): (73.45, 75.74, 75.85, 76.02),
    (2, 2, 2): (71.45, 74.30, 74.70, 74.62),
}


def _name(multi_grid: tuple[int, int, int], block: int) -> str:
    return f"Multi_Grid {multi_grid}, block{block}"


TABLE = PaperTable(
    name="v3-table3",
    title="Multi_Grid with more blocks, ResNet-101, output stride 16",
    varies="Multi_Grid, last block of the cascade",
    columns=("Multi_Grid", "last block"),
    rows=tuple(
        Row(
            _name(multi_grid, block),
            (str(multi_grid), f"block{block}"),
            paper,
            Training(cascade(cascade_backbone(101, last_block=block, multi_grid=multi_grid))),
            x=block,
            curve=str(multi_grid),
        )
        for multi_grid, figures in PRINTED.items()
        for block, paper in zip((4, 5, 6, 7), figures, strict=True)
    ),
    conclusions=(
        Conclusion("Multi_Grid (1, 2, 4) beats (1, 1, 1) at block4", _name((1, 2, 4), 4), _name((1, 1, 1), 4)),
        Conclusion("Multi_Grid (1, 2, 1) beats (1, 1, 1) at block7", _name((1, 2, 1), 7), _name((1, 1, 1), 7)),
        Conclusion("doubling all rates (2, 2, 2) is worse at block7", _name((1, 1, 1), 7), _name((2, 2, 2), 7)),
        Conclusion("block7 beats block4 at (1, 1, 1)", _name((1, 1, 1), 7), _name((1, 1, 1), 4)),
        Conclusion("block7 beats block4 at (1, 2, 1)", _name((1, 2, 1), 7), _name((1, 2, 1), 4)),
    ),
    x_label="last block",
)
