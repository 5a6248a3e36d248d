"""Scripts and style that pages share: the picture under its labels, the list of classes, the look."""

from importlib.resources import files

PARTS = ("viewer.js", "stage.js", "layers.js", "legend.js", "stage.css")


def page_parts() -> dict[str, bytes]:
    """Return the content of every part by its name."""
    folder = files("atrous.report")
    return {name: folder.joinpath(name).read_bytes() for name in PARTS}
