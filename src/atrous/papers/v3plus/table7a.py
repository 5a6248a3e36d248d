"""DeepLabv3+, Table 7a: decoder, ASPP and image-level features on Cityscapes val, Xception-65 and -71."""

from atrous.papers.networks import xception
from atrous.papers.table import Conclusion, Inference, PaperTable, Row, Training

ROWS = (
    # Xception, decoder, image-level features; paper
    (65, False, True, 77.33),
    (65, True, True, 78.79),
    (65, True, False, 79.14),
    (71, True, False, 79.55),
)


def _name(depth: int, decoder: bool, pooling: bool) -> str:  # noqa: FBT001
    return f"X-{depth}" + ", decoder" * decoder + ", ASPP" + ", image level" * pooling


TABLE = PaperTable(
    name="v3plus-table7a",
    title="Decoder and image-level features on Cityscapes, Xception",
    varies="backbone, decoder, image-level features",
    columns=("backbone", "decoder", "ASPP", "image level"),
    rows=tuple(
        Row(
            _name(depth, decoder, pooling),
            (f"X-{depth}", "yes" if decoder else "", "yes", "yes" if pooling else ""),
            paper,
            Training(xception(depth, decoder=decoder, separable=True, image_pooling=pooling)),
            Inference(16),
        )
        for depth, decoder, pooling, paper in ROWS
    ),
    conclusions=(
        Conclusion("the decoder helps", _name(65, True, True), _name(65, False, True)),
        Conclusion("image-level features do not help here", _name(65, True, False), _name(65, True, True)),
        Conclusion("Xception-71 beats Xception-65", _name(71, True, False), _name(65, True, False)),
    ),
    recipe="cityscapes",
    size=(1025, 2049),
    classes=19,
)
