"""Inputs of `atrous predict` at http and https addresses, downloaded into a temporary folder."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from atrous.errors import InputError
from atrous.inference.image_url import download_image

LONGEST_NAME = 100
"""Largest number of characters of a file name that is taken from an address."""


@dataclass(frozen=True)
class LocalInputs:
    """Inputs as local files.

    Attributes:
        inputs: The inputs, with files in the place of addresses.
        problems: A line for each address that could not be downloaded.
    """

    inputs: tuple[str, ...]
    problems: tuple[str, ...] = ()
    _addresses: dict[str, str] = field(default_factory=dict)

    def named(self, message: str) -> str:
        """Return a message with the addresses in the place of the files that were downloaded from them."""
        for path, address in self._addresses.items():
            message = message.replace(path, address)
        return message


@contextmanager
def local_inputs(inputs: Sequence[str]) -> Iterator[LocalInputs]:
    """Download what is given by address, with the limits of `download_image`; files are deleted at the end.

    A file is named after the last part of its address. An input that cannot be downloaded is left out.
    """
    if not any("://" in name for name in inputs):
        yield LocalInputs(tuple(inputs))
        return
    with tempfile.TemporaryDirectory() as folder:
        local, problems, addresses = list[str](), list[str](), dict[str, str]()
        for number, name in enumerate(inputs):
            if "://" not in name:
                local.append(name)
                continue
            path = Path(folder, str(number), _file_name(name))
            try:
                content = download_image(name)
            except InputError as error:
                problems.append(str(error))
                continue
            path.parent.mkdir()
            path.write_bytes(content)
            local.append(str(path))
            addresses[str(path)] = name
        yield LocalInputs(tuple(local), tuple(problems), addresses)


def _file_name(address: str) -> str:
    """Return the last part of an address as a file name of plain letters, whatever its server put there."""
    try:
        last = unquote(urlsplit(address).path).rpartition("/")[2]
    except ValueError:  # no address; downloading it says so
        last = ""
    return re.sub(r"[^\w. -]", "_", last)[-LONGEST_NAME:].lstrip(". ") or "picture"
