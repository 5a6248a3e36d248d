"""Whether a Core ML convolution pads as TensorFlow's SAME does."""

from atrous.errors import InputError
from atrous.importers.protobuf import Message

_VALID, _SAME = 50, 51


def is_as_tensorflow(params: Message, *, added: int, reach: int, stride: int) -> bool:
    """Whether the maps keep their size, but for the stride, and an odd zero is put behind.

    Args:
        params: `ConvolutionLayerParams`.
        added: Zeros that a layer of its own has put on each side.
        reach: Distance between the outermost taps.
        stride: Of the convolution.
    """
    if _SAME in params.values:
        bottom_heavy = params.message(_SAME).integer(1) == 0
        return not added and (bottom_heavy or stride == 1) and reach % 2 == 0
    # With a stride, explicit zeros are not SAME at every size; a single tap needs none.
    return all(2 * (side + added) == reach for side in explicit(params.message(_VALID))) and (stride == 1 or not reach)


def explicit(padding: Message) -> tuple[int, ...]:
    """Zeros above, below, left and right, of `ValidPadding.paddingAmounts` or `PaddingLayerParams.paddingAmounts`.

    Raises:
        InputError: If it does not say all four or none.
    """
    borders = padding.message(1) if 1 in padding.values else padding
    edges = [(edge.integer(1), edge.integer(2)) for edge in borders.messages(10)]
    if len(edges) not in (0, 2) or min((amount for edge in edges for amount in edge), default=0) < 0:
        raise InputError("padding that is not told for all four sides")
    return tuple(amount for edge in edges for amount in edge) or (0, 0, 0, 0)
