"""The files of the page at `/`, by path; the viewer is that of the report."""

from importlib.resources import files

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Content and content type of every file by its path; clients open no others."""
    folder = files("atrous.serving").joinpath("page")
    found = {f"/{file.name}": file.read_bytes() for file in folder.iterdir()}
    found["/"] = found.pop("/index.html")
    found["/viewer.js"] = files("atrous.report").joinpath("viewer.js").read_bytes()
    return {
        path: (content, _KINDS[path[path.rfind(".") :] if "." in path else ".html"]) for path, content in found.items()
    }
