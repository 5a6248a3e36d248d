"""Members of a zip archive, read within bounds: an archive never makes more bytes than it may."""

import io
import zipfile
import zlib

from atrous.errors import InputError

_DAMAGE = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, OSError, EOFError, RuntimeError)

MOST_UNPACKED = 1 << 30
"""Bytes that the compressed members of an archive may have together."""


class ZipArchive:
    """The members of a zip archive by their names.

    Args:
        file: The archive.
        size: Its length in bytes.

    Raises:
        InputError: If it is damaged, or its members have more bytes than the file, because they overlap.
    """

    def __init__(self, file: io.BufferedReader | io.BytesIO, *, size: int) -> None:
        try:
            self._archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise InputError(f"a damaged zip archive ({error!s:.80}); get it again from its source") from error
        self._members = {member.filename: member for member in self._archive.infolist()}
        if sum(member.compress_size for member in self._members.values()) > size:
            raise InputError("a damaged zip archive (its members overlap); get it again from its source")
        self._unpacked_size = sum(member.file_size for member in self._members.values())
        self.size = size

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return list(self._members)

    def stored(self, name: str, *, most: int) -> bytes:
        """Bytes of a member that is not compressed.

        Raises:
            InputError: If there is none of this name, or it is compressed, larger than `most`, or damaged.
        """
        found = self._members.get(name)
        if found is None:
            raise InputError(f"{name:.60} is missing in the archive; get it again from its source")
        if found.compress_type != zipfile.ZIP_STORED or not found.file_size == found.compress_size <= min(
            self.size, most
        ):
            raise InputError(f"{name:.60} is compressed or larger than the file, as torch.save never writes it")
        return self._read(name)

    def unpacked(self, name: str) -> bytes:
        """Bytes of a member that may be compressed.

        Raises:
            InputError: If it is damaged, or all members together are larger than any real archive's.
        """
        if self._unpacked_size > max(MOST_UNPACKED, self.size):
            raise InputError(f"an archive that unpacks to more than {MOST_UNPACKED >> 20} MiB, as no weights do")
        return self._read(name)

    def _read(self, name: str) -> bytes:
        member = self._members[name]
        try:
            with self._archive.open(member) as opened:
                content = opened.read(member.file_size)
        except _DAMAGE as error:
            raise InputError(f"a damaged zip archive ({error!s:.80}); get it again from its source") from error
        if len(content) != member.file_size:
            raise InputError("a damaged zip archive (a member ends early); get it again from its source")
        return content


def zip_in(content: bytes) -> ZipArchive:
    """The archive that bytes are, such as one inside another."""
    return ZipArchive(io.BytesIO(content), size=len(content))
