"""Recognition of TensorFlow Lite models."""

from atrous.importers.file_head import FileHead

IDENTIFIER = b"TFL3"


def recognises(head: FileHead) -> bool:
    """Return True if a file carries TensorFlow Lite's mark."""
    return head.start[4:8] == IDENTIFIER
