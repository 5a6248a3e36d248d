"""The files of the page at `/`, by path; its viewer and style are shared with other pages."""

from importlib.resources import files

from atrous.report.page_parts import page_parts

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
    found |= {f"/{name}": content for name, content in page_parts().items()}
    return {
        path: (content, _KINDS[path[path.rfind(".") :] if "." in path else ".html"]) for path, content in found.items()
    }
