"""Recognition of HDF5 files, as Keras writes them."""

from atrous.importers.file_head import FileHead

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def recognises(head: FileHead) -> bool:
    """Return True if a file begins with HDF5's signature."""
    return head.start.startswith(SIGNATURE)
