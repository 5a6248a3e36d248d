"""What numbers of a configuration can be."""

from collections.abc import Mapping

from atrous.errors import InputError


def check_ranges(config: object, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Refuse a number that is out of range, or none at all (NaN).

    Args:
        config: Has the fields.
        ranges: Field -> its least and its highest value.

    Raises:
        InputError: With field, value and range.
    """
    for name, (least, highest) in ranges.items():
        value = getattr(config, name)
        if not least <= value <= highest:
            words = name.replace("_", " ")
            raise InputError(f"{words} {value} is out of range; choose {least} to {highest}")
