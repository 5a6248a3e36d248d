"""Data sets at addresses of remote storage, which commands read from a local copy."""

import re
from pathlib import Path

from atrous.extras import require

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")


def is_address(data: Path | str) -> bool:
    """Return True for addresses such as `s3://bucket/folder`, also as paths, which lose the second slash."""
    return _ADDRESS.match(str(data)) is not None


def local_data(data: Path) -> Path:
    """Return a data folder; what is at an address is copied to the cache first.

    Raises:
        InputError: If the address cannot be listed or read, or the extra is not installed.
    """
    if not is_address(data):
        return data
    for module in ("pyarrow.fs", "fsspec"):
        require(module, extra="ray", purpose=f"reading {data}")
    # Only now: these import what the extra installs.
    from atrous.scale.mirror import mirrored
    from atrous.scale.storage import remote_uri

    return mirrored(remote_uri(str(data)))
