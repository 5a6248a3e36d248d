"""Files on local disks, S3 and any other storage of fsspec, under one interface: that of `pyarrow.fs`."""

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from atrous.errors import InputError, reason
from atrous.extras import require

_NATIVE = ("file", "gs", "gcs", "hdfs", "abfs", "abfss")
"""Schemes besides S3 that pyarrow reads by itself."""

_ONE_SLASH = re.compile(r"^([a-z][a-z0-9+.-]+):/(?!/)")


@dataclass(frozen=True)
class Location:
    """A file or folder on a file system.

    Attributes:
        filesystem: File system of pyarrow; it can be sent to other processes.
        path: Path on it.
    """

    filesystem: Any
    path: str

    def child(self, name: str) -> "Location":
        """Return the location of a file or folder below this one."""
        return Location(self.filesystem, f"{self.path.rstrip('/')}/{name}")

    @property
    def is_local(self) -> bool:
        """True for files that every program of this machine can open by their path."""
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    def exists(self) -> bool:
        """Return True if there is a file or folder."""
        return self.filesystem.get_file_info(self.path).type != pafs.FileType.NotFound

    def read(self) -> bytes:
        """Read the whole file; raises FileNotFoundError or another OSError."""
        with self.filesystem.open_input_stream(self.path) as file:
            return file.read()

    def write(self, content: bytes) -> None:
        """Write a file as a whole; readers of a local one see the old or the new content."""
        temporary = f"{self.path}.part" if self.is_local else self.path
        with self.filesystem.open_output_stream(temporary) as file:
            file.write(content)
        if self.is_local:
            self.filesystem.move(temporary, self.path)

    def files(self, *, recursive: bool = False) -> list[Any]:
        """List the files in a folder with their sizes, as `pyarrow.fs.FileInfo`; none if there is no such folder."""
        selector = pafs.FileSelector(self.path, recursive=recursive, allow_not_found=True)
        return [info for info in self.filesystem.get_file_info(selector) if info.type == pafs.FileType.File]


def is_remote(uri: str) -> bool:
    """Return True for addresses such as `s3://bucket/folder`; False for paths."""
    return "://" in uri


def remote_uri(path: str) -> str:
    """Return an address whose second slash was lost when it was taken for a path: `s3:/bucket` becomes `s3://bucket`."""
    return _ONE_SLASH.sub(r"\1://", re.sub("^file:/(?!/)", "file:///", path))


def open_location(uri: str) -> Location:
    """Open a path or address; the servers of S3 and their keys come from the usual variables (`AWS_ENDPOINT_URL` ...).

    Raises:
        InputError: If no installed package reads addresses of this kind, or the address holds keys.
    """
    if not is_remote(uri):
        return Location(pafs.LocalFileSystem(), os.path.abspath(uri))
    scheme, _, rest = uri.partition("://")
    if "@" in rest.partition("/")[0]:
        raise InputError(f"{scheme}://... holds a key; keys belong in the environment, not in addresses")
    if scheme in ("http", "https"):
        raise InputError(f"{uri}: pages of the web are no storage; predict them without --ray")
    try:
        if scheme == "s3":
            return Location(_s3(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")), rest)
        if scheme in _NATIVE and "::" not in uri:
            return Location(*pafs.FileSystem.from_uri(uri))
        fsspec = require("fsspec.core", extra="ray", purpose=f"reading {uri}")
        filesystem, path = fsspec.url_to_fs(uri)
        return Location(pafs.PyFileSystem(pafs.FSSpecHandler(filesystem)), path)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"cannot open {uri}: {reason(error)}") from error


@cache
def _s3(endpoint: str | None) -> Any:
    """File system of the S3 server at an address; of Amazon's, in the region of the environment, without one."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    retries = pafs.AwsStandardS3RetryStrategy(max_attempts=10)
    settings: dict[str, Any] = {"region": region, "retry_strategy": retries, "connect_timeout": 10}
    if endpoint:
        address = urlsplit(endpoint)
        settings |= {"endpoint_override": address.netloc, "scheme": address.scheme}
    return pafs.S3FileSystem(**settings)
