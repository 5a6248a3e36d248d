"""Share of a 3x3 atrous filter's taps that see the map rather than its padding (DeepLabv3, Figure 4)."""

from atrous.sizes import Size


def _valid_positions(length: int, rate: int) -> dict[int, int]:
    """Count the positions of one axis whose 3-tap filter has 3, 2 or 1 taps inside a map of this length."""
    three = max(length - 2 * rate, 0)
    one = max(2 * rate - length, 0) if rate < length else length
    return {3: three, 2: length - three - one, 1: one}


def valid_shares(size: Size, *, rate: int) -> dict[int, float]:
    """Share (0..1) of positions with 9, 6, 4, 3, 2 and 1 valid taps; 3 occurs only on maps that are not square."""
    rows, columns = (_valid_positions(length, rate) for length in size)
    shares: dict[int, float] = dict.fromkeys((9, 6, 4, 3, 2, 1), 0.0)
    for vertical, row_count in rows.items():
        for horizontal, column_count in columns.items():
            shares[vertical * horizontal] += row_count * column_count / (size[0] * size[1])
    return shares


def mean_valid_share(size: Size, *, rate: int) -> float:
    """Mean share (0..1) of valid taps over all positions; on a square map ((H + 2 max(H - r, 0)) / 3H)^2."""
    height, width = ((length + 2 * max(length - rate, 0)) / (3 * length) for length in size)
    return height * width
