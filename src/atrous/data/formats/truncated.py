"""JPEGs whose end is missing, as interrupted downloads and full cards leave them: refused, or read as far as they go.

After the last scan (FF DA) a JPEG has the marker FF D9. Where that is missing and such files are accepted, the decoder
is given the marker, so that it fills what is missing with grey; every such file is named once in the log.
"""

import io
import logging
from dataclasses import dataclass, field
from pathlib import Path

_LOGGER = logging.getLogger(__name__)
_BEGINNING, _SCAN, _END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
Opened = io.BufferedReader | io.BytesIO


@dataclass
class _State:
    """The choice for this process and those that it forks, and the files that were named."""

    accepted: bool = False
    named: set[str] = field(default_factory=set)


_STATE = _State()


def accept_truncated(*, accepted: bool) -> None:
    """Read JPEGs whose end is missing from now on, or refuse them again; the list of such files begins anew."""
    _STATE.accepted = accepted
    _STATE.named.clear()


def truncated_files() -> list[str]:
    """The files that were read although their end is missing."""
    return sorted(_STATE.named)


def completed(path: Path, file: io.BufferedReader) -> Opened:
    """The file, or its content with the marker of the end where that is missing and such files are accepted."""
    if not _STATE.accepted:
        return file
    content = file.read() if file.read(3) == _BEGINNING and file.seek(0) == 0 else b""
    file.seek(0)
    if content.rfind(_SCAN) <= content.rfind(_END):  # also of other files
        return file
    if str(path) not in _STATE.named:
        _STATE.named.add(str(path))
        _LOGGER.warning("%s is truncated: what is missing is grey", path)
    return io.BytesIO(content + _END)
