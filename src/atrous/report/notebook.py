"""One image under its labels as a cell of a notebook: opacity, zoom and legend, by the viewer of the reports."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from jaxtyping import Integer, UInt8
from markupsafe import Markup, escape

from atrous.labels import LabelSpace
from atrous.report.gallery import GalleryImage, data_uri, load_template
from atrous.report.label_colors import colorize
from atrous.report.pictures import visible
from atrous.report.wording import one_line

WIDEST, HIGHEST = 960, 640
"""Size in pixels of the picture in a notebook, at most."""

_LARGEST_PIXEL = 2
_NARROWEST = 360
_CONTROLS = 72
_OPACITY = 55


def notebook_viewer(
    image: UInt8[np.ndarray, "h w c"],
    labels: Integer[np.ndarray, "h w"],
    space: LabelSpace,
    *,
    shares: Mapping[str, float],
) -> str:
    """Return an HTML frame that shows the image under its label map, and needs nothing from any host.

    Args:
        image: Of any number of channels, 0..255.
        labels: Class ids and the ignore value.
        space: Names and colours of the classes.
        shares: Shares 0..1 of the pixels by class name, in the order of the legend.

    Raises:
        InputError: If a label is neither a class id nor the ignore value.
    """
    picture = GalleryImage.encoded("", visible(image), {"labels": colorize(labels, space)}, scores={}, mean=None)
    script = "".join(
        files("atrous.report").joinpath(name).read_text(encoding="utf-8") for name in ("viewer.js", "notebook.js")
    )
    colors = dict(zip(space.names, space.palette, strict=True))
    document = load_template("notebook.html.jinja").render(
        photo=data_uri("jpeg", picture.photo),
        labels=data_uri("png", picture.layers["labels"]),
        opacity=_OPACITY,
        classes=[(one_line(name), colors[name], f"{share:.1%}") for name, share in shares.items()],
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )
    height, width = labels.shape
    scale = min(WIDEST / width, HIGHEST / height, _LARGEST_PIXEL)
    size = max(round(width * scale), _NARROWEST), round(height * scale) + _CONTROLS
    return (
        f'<iframe srcdoc="{escape(document)}" sandbox="allow-scripts" title="image and labels" '
        f'style="width: 100%; max-width: {size[0]}px; height: {size[1]}px; border: 0"></iframe>'
    )
