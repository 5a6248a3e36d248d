"""Protocol buffers, as far as reading someone else's needs it: fields by their numbers, in a view of the bytes.

A message is a sequence of fields: a number and a wire type, and then a varint, 4 or 8 bytes, or a length and as many
bytes. Nothing is copied and nothing is believed: whatever leads beyond the message is an `InputError`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from atrous.errors import InputError

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_MOST_FIELDS = 1 << 17
"""In a message that is parsed as a whole; lists of numbers are packed into one."""


def read_varint(content: memoryview, position: int) -> tuple[int, int]:
    """A number of up to 64 bits, 7 in a byte, the lowest first; and the position after it.

    Raises:
        InputError: If it is cut off or longer.
    """
    value = 0
    for count in range(_LONGEST_VARINT):
        if position + count >= len(content):
            raise InputError("a number is cut off")
        byte = content[position + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + count + 1
    raise InputError("a number of more than 64 bits")


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Iterate over (number, value) of each field in its order: an int for a varint, else the bytes.

    Raises:
        InputError: If the message is cut off or none.
    """
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise InputError("a field without a number")
        if kind == _VARINT:
            value, position = read_varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            length, position = read_varint(message, position)
        elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if kind == _FOUR_BYTES else 8
        else:
            raise InputError(f"a field of the unknown wire type {kind}")
        if length > len(message) - position:
            raise InputError(f"a field of {length} bytes where {len(message) - position} are left")
        yield number, message[position : position + length]
        position += length


@dataclass(frozen=True)
class Message:
    """The fields of a message by their numbers."""

    values: dict[int, list[int | memoryview]]

    @classmethod
    def parse(cls, content: memoryview) -> "Message":
        """All fields at once.

        Raises:
            InputError: If the message is cut off, none, or of absurdly many fields.
        """
        values: dict[int, list[int | memoryview]] = {}
        for count, (number, value) in enumerate(fields(content)):
            if count >= _MOST_FIELDS:
                raise InputError(f"a message of more than {_MOST_FIELDS} fields")
            values.setdefault(number, []).append(value)
        return cls(values)

    def integer(self, number: int, *, default: int = 0) -> int:
        """A number, signed in 64 bits; of several the last counts."""
        value = self.values.get(number, [default])[-1]
        if not isinstance(value, int):
            raise InputError(f"field {number} is no number")
        return value - (1 << 64) if value >> 63 else value

    def bytes(self, number: int) -> memoryview:
        """Bytes, or none of them where the field is missing; of several the last counts."""
        value = self.values.get(number, [memoryview(b"")])[-1]
        if isinstance(value, int):
            raise InputError(f"field {number} is a number where bytes are expected")
        return value

    def text(self, number: int) -> str:
        """A name.

        Raises:
            InputError: If it is not UTF-8.
        """
        try:
            return str(self.bytes(number), "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"field {number} is no text") from error

    def messages(self, number: int) -> Iterator["Message"]:
        """Each message of a repeated field."""
        for value in self.values.get(number, []):
            if isinstance(value, int):
                raise InputError(f"field {number} is a number where a message is expected")
            yield Message.parse(value)

    def message(self, number: int) -> "Message":
        """A message, empty where the field is missing."""
        return Message.parse(self.bytes(number))

    def floats(self, number: int) -> np.ndarray:
        """A repeated field of 32-bit floats, packed or not."""
        return self._numbers(number, np.dtype("<f4"))

    def real(self, number: int, *, default: float = 0.0) -> float:
        """A 32-bit float; of several the last counts."""
        values = self.floats(number)
        return float(values[-1]) if len(values) else default

    def doubles(self, number: int) -> np.ndarray:
        """A repeated field of 64-bit floats, packed or not."""
        return self._numbers(number, np.dtype("<f8"))

    def integers(self, number: int, *, most: int) -> list[int]:
        """A repeated field of numbers, packed or not.

        Raises:
            InputError: If there are more than `most`.
        """
        found: list[int] = []
        for value in self.values.get(number, []):
            found += [value] if isinstance(value, int) else _packed(value, most=most)
            if len(found) > most:
                raise InputError(f"more than {most} numbers in field {number}")
        return found

    def _numbers(self, number: int, dtype: np.dtype) -> np.ndarray:
        values = self.values.get(number, [])
        parts = [value for value in values if not isinstance(value, int)]
        if len(parts) != len(values) or any(len(part) % dtype.itemsize for part in parts):
            raise InputError(f"field {number} holds no floats")
        return np.frombuffer(b"".join(parts), dtype)


def _packed(content: memoryview, *, most: int) -> list[int]:
    found, position = [], 0
    while position < len(content) and len(found) <= most:
        value, position = read_varint(content, position)
        found.append(value)
    return found
