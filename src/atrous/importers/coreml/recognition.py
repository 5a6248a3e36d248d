"""Recognition of Core ML models."""

from atrous.importers.file_head import FileHead

_VERSION, _DESCRIPTION = 0x08, 0x12
_LATEST = 99
"""A version of the format that is not to be expected soon; there were 10 in nine years."""

_TENSORFLOW = ".pb"
"""Suffix of SavedModels, which begin with a version and a message, too."""

_PACKAGE = "Data/com.apple.CoreML"


def recognises(head: FileHead) -> bool:
    """Return True if a file starts with version and description, as a `.mlmodel` does, or is an `.mlpackage`."""
    if head.is_folder:
        return (head.path / _PACKAGE).is_dir()
    if head.path.suffix == _TENSORFLOW:
        return False
    start = head.start[:3]
    if len(start) < 3 or start[0] != _VERSION or not 0 < start[1] <= _LATEST or start[2] != _DESCRIPTION:
        return False
    return not _is_text(head.start[3:])


def _is_text(field: bytes) -> bool:
    """Return True if a field, which starts with its length, holds text: so starts ONNX, with the name of its writer."""
    content = field.lstrip(bytes(range(128, 256)))[1:]
    return content[:3].isalnum()  # a description has the length of a part among its first three bytes, and a tag
