"""Forms of type `multipart/form-data` (RFC 7578), parsed while they arrive and kept in memory."""

from dataclasses import dataclass, field
from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from atrous.serving.request_error import RequestError

MOST_PARTS = 20
LONGEST_TEXT = 1000
"""Bytes of a field that is no file, and of the headers of a part."""


@dataclass
class Part:
    """A field or a file of a form.

    Attributes:
        name: Name of the field.
        is_file: True if a file name was sent with it.
        content: Its bytes.
    """

    name: str
    is_file: bool
    content: bytearray = field(default_factory=bytearray)


class FormReader:
    """Takes the chunks of a form's body and gives its parts.

    Args:
        content_type: Header of the request, which states the boundary.

    Raises:
        RequestError: 422 if the header states no boundary.
    """

    def __init__(self, content_type: str) -> None:
        header = Message()
        header["content-type"] = content_type
        boundary = header.get_param("boundary")
        if not isinstance(boundary, str) or not boundary:
            raise damaged("its content type states no boundary")
        self.parts: list[Part] = []
        self._ended = False
        self._name, self._value, self._disposition = bytearray(), bytearray(), ""
        try:
            self._parser = MultipartParser(
                boundary.encode("latin-1"),
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda data, start, end: self._on_header(self._name, data[start:end]),
                    "on_header_value": lambda data, start, end: self._on_header(self._value, data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except (FormParserError, UnicodeEncodeError) as error:
            raise damaged("its boundary is impossible") from error

    def feed(self, chunk: bytes) -> None:
        """Parse a chunk; raises RequestError 422 for a damaged form, 413 for more parts than forms have here."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise damaged("its parts are not divided as its content type says") from error

    def finish(self) -> list[Part]:
        """Return all parts; raises RequestError 422 if the form ended early."""
        if not self._ended:
            raise damaged("it ends before its last boundary")
        return self.parts

    def _on_part_begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise damaged(f"it has more than {MOST_PARTS} parts")
        self._disposition = ""

    def _on_header(self, kept: bytearray, data: bytes) -> None:
        kept += data
        if len(kept) > LONGEST_TEXT:
            raise damaged("a header of a part is too long")

    def _on_header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value.decode("utf-8", "replace")
        self._name.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        header = Message()
        header["content-disposition"] = self._disposition
        name = header.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise damaged("a part has no name")
        is_file = header.get_param("filename", header="content-disposition") is not None
        self.parts.append(Part(name, is_file))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        part.content += data[start:end]
        if not part.is_file and len(part.content) > LONGEST_TEXT:
            raise damaged(f"the field {part.name!r:.80} has more than {LONGEST_TEXT} bytes and is no file")

    def _on_end(self) -> None:
        self._ended = True


def damaged(cause: str) -> RequestError:
    """The error of a form that cannot be read."""
    return RequestError(422, "damaged_form", f"the form cannot be read: {cause}")
