"""Formats of uploads: an allow-list, by the first bytes of the content; names and content types are not believed."""

from atrous.serving.request_error import RequestError

FORMATS = ("PNG", "JPEG", "WebP", "TIFF", "BMP", "GIF", "AVIF", "HEIC")

_STARTS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}


def check_format(content: bytes) -> str:
    """Return the format of an image file by its first bytes.

    Raises:
        RequestError: 422 if the file is empty, 415 if it is of a format that is not allowed.
    """
    if not content:
        raise RequestError(422, "empty_upload", "the upload is empty; send an image file")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp" and content[8:12] in _BRANDS:
        return _BRANDS[content[8:12]]
    for start, name in _STARTS.items():
        if content.startswith(start):
            return name
    raise RequestError(
        415, "unknown_format", f"the upload is not an image of an allowed format; send {', '.join(FORMATS)}"
    )
