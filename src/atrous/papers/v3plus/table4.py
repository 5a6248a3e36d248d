"""DeepLabv3+, Table 4: errors of the backbones on ImageNet."""

from atrous.papers.table import OmittedTable

TABLE = OmittedTable(
    name="v3plus-table4",
    title="Backbones on ImageNet-1K, error in percent",
    varies="backbone, error",
    figures=(
        ("ResNet-101, top-1 error", 22.40),
        ("ResNet-101, top-5 error", 6.02),
        ("modified Xception, top-1 error", 20.19),
        ("modified Xception, top-5 error", 5.17),
    ),
    reason="it is image classification",
)
