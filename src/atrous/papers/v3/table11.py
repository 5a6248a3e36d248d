"""DeepLabv3, Table 11: number of asynchronous replicas in training."""

from atrous.papers.table import OmittedTable

TABLE = OmittedTable(
    name="v3-table11",
    title="Asynchronous training with several replicas",
    varies="number of replicas",
    figures=(("1", 77.21), ("2", 77.15), ("4", 76.79), ("8", 77.02), ("16", 77.18), ("32", 76.69)),
    reason="replicas are synchronous here, so that their number changes no result",
)
