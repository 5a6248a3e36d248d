"""Recognition of Core ML models."""

from atrous.importers.file_head import FileHead

_VERSION, _DESCRIPTION, _INPUT = 0x08, 0x12, 0x0A
_LATEST = 99
"""A version of the format that is not to be expected soon; there were 10 in nine years."""

_PACKAGE = "Data/com.apple.CoreML"


def recognises(head: FileHead) -> bool:
    """Return True if a file starts with version and description, as a `.mlmodel` does, or is an `.mlpackage`."""
    if head.is_folder:
        return (head.path / _PACKAGE).is_dir()
    start = head.start[:3]
    return len(start) == 3 and start[0] == _VERSION and 0 < start[1] <= _LATEST and start[2] == _DESCRIPTION
