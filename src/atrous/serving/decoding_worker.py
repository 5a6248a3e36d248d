"""The process that decodes uploads, under a limit of memory: `python -m atrous.serving.decoding_worker`.

It reads requests from standard input and writes answers to standard output until the input ends. Each message is a
line of JSON and, after it, the number of bytes that its key `bytes` states. It loads neither torch nor a model.
"""

import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from atrous.data.formats.decoding import TooManyPixelsError, check_size
from atrous.data.formats.deep_pictures import missing_pixels
from atrous.data.formats.images import opened
from atrous.data.formats.raw_values import tiff_tags
from atrous.data.formats.tiff import picture_size
from atrous.data.formats.value_range import parse_ranges
from atrous.data.formats.windows import read_whole
from atrous.errors import InputError

NAME = "the upload"
"""Name of the file in error messages."""

READY = b"ready\n"
"""First line of the answers."""


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is no answer
    requests = sys.stdin.buffer
    limit_memory(int(sys.argv[1]))
    answers.write(READY)
    answers.flush()
    while line := requests.readline():
        request = json.loads(line)
        _answer(request, requests.read(request["bytes"]), answers)


def limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has, where the system is Linux."""
    if sys.platform != "linux":
        return
    import resource  # only Unix has it

    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: dict[str, Any], content: bytes, answers: BinaryIO) -> None:
    try:
        with _as_file(content) as path:
            try:
                array, missing = _decoded(path, request)
            except InputError as error:
                raise type(error)(str(error).replace(str(path), NAME)) from error
        head = {"shape": array.shape, "missing": missing is not None}
        parts = [array.tobytes(), *([] if missing is None else [missing.tobytes()])]
    except MemoryError:
        head, parts = {"error": f"{NAME} needs more memory than decoding may take; send a smaller picture"}, []
    except InputError as error:
        head, parts = {"error": str(error), "too_large": isinstance(error, TooManyPixelsError)}, []
    answers.write(json.dumps({**head, "bytes": sum(map(len, parts))}).encode() + b"\n")
    for part in parts:
        answers.write(part)
    answers.flush()


def _decoded(path: Path, request: dict[str, Any]) -> tuple[Any, Any]:
    """The pixels `[h, w, c]` and those without data; the header is looked at first."""
    limit = int(request["max_pixels"])
    if not tiff_tags(path):
        with opened(path, max_pixels=limit):  # refuses by the header, before any pixel is decoded
            pass
    else:
        height, width = picture_size(path)
        check_size(path, width, height, max_pixels=limit)
    ranges = parse_ranges(request["ranges"]) if request["ranges"] else ()
    return read_whole(path, max_pixels=limit, ranges=ranges), missing_pixels(path, max_pixels=limit)


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """A file in memory with this content: a container's file system may be read-only."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield Path(file.name)
        return
    with io.FileIO(os.memfd_create("upload"), "w") as file:
        file.write(content)
        yield Path(f"/proc/self/fd/{file.fileno()}")


if __name__ == "__main__":
    main()
