"""The label space: which class ids exist, what they are called, how they are painted, which value is ignored."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atrous.errors import InputError
from atrous.plain import from_plain, to_plain

Color = tuple[int, int, int]


def bit_palette(classes: int) -> tuple[Color, ...]:
    """Colours of the PASCAL VOC devkit: the bits of the id dealt out to red, green and blue from the top.

    Args:
        classes: Number of colours, 0 or more.

    Returns:
        RGB triples in 0..255, all different for up to 256 classes; the first is black.
    """
    palette: list[Color] = []
    for label in range(classes):
        rgb = [0, 0, 0]
        rest, bit = label, 7
        while rest and bit >= 0:
            for channel in range(3):
                rgb[channel] |= (rest >> channel & 1) << bit
            rest, bit = rest >> 3, bit - 1
        palette.append((rgb[0], rgb[1], rgb[2]))
    return tuple(palette)


@dataclass(frozen=True)
class LabelSpace:
    """Names and colours of class ids 0..n-1, and the value that marks pixels without a label.

    Attributes:
        names: One name per class id; unique, not empty.
        palette: One RGB colour (0..255) per class id.
        ignore: Label value that neither the loss nor the metrics look at; never a class id.

    Raises:
        InputError: If names repeat or are empty, colours and names differ in number, or `ignore` is a class id.
    """

    names: tuple[str, ...]
    palette: tuple[Color, ...] = ()
    ignore: int = 255

    def __post_init__(self) -> None:
        """Fill a missing palette and reject contradictions."""
        if not self.names or not all(self.names):
            raise InputError("a label space needs at least one class, and each class a name")
        repeated = sorted(name for name, count in Counter(self.names).items() if count > 1)
        if repeated:
            raise InputError(f"class names must differ; repeated: {', '.join(map(repr, repeated))}")
        if not self.palette:
            object.__setattr__(self, "palette", bit_palette(len(self.names)))
        if len(self.palette) != len(self.names):
            raise InputError(
                f"{len(self.names)} class names but {len(self.palette)} colours; give one colour per class"
            )
        if any(len(color) != 3 or not all(0 <= value <= 255 for value in color) for color in self.palette):
            raise InputError("colours are three integers in 0..255 (red, green, blue)")
        if not len(self.names) <= self.ignore <= 65535:
            raise InputError(
                f"ignore value {self.ignore} must lie above the {len(self.names)} class ids and below 65536"
            )

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def unnamed(cls, classes: int) -> "LabelSpace":
        """Classes known by number only: `class 0`, `class 1` ..."""
        return cls(names=tuple(f"class {label}" for label in range(classes)), ignore=255 if classes <= 255 else 65535)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers, as stored with the weights."""
        return to_plain(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LabelSpace":
        """The inverse of `to_json`; raises InputError on anything else."""
        return from_plain(cls, data, where="label space")
