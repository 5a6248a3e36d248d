"""The report: one HTML file that holds everything it shows, loads nothing and runs no script but its own."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from PIL import Image

from atrous.files import atomic_path
from atrous.labels import Color, LabelSpace
from atrous.report.gallery import GalleryImage, gallery_markup, load_template, viewer_script
from atrous.report.label_colors import ignore_color
from atrous.report.tables import Cell, Table, shown
from atrous.report.wording import one_line

_SMALL = 320
"""Pictures narrower than this many pixels are enlarged by repeating pixels, so that labels keep their edges."""


class Page:
    """Blocks one below the other; every method adds one and returns the page.

    All text is escaped. The file's security policy forbids every request and every script but that of the gallery,
    which it names by its hash, so that a report made from somebody else's class names or file names is safe to open
    and to pass on.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self._title = one_line(title)
        self._subtitle = one_line(subtitle)
        self._blocks: list[Markup] = []
        self._script = ""

    def heading(self, text: str, note: str = "") -> "Page":
        """A section's heading, with a sentence below it where `note` is given."""
        self._add("<h2>{}</h2>", one_line(text))
        return self._add('<p class="note">{}</p>', one_line(note)) if note else self

    def text(self, paragraph: str) -> "Page":
        """A paragraph of plain text."""
        return self._add("<p>{}</p>", one_line(paragraph))

    def facts(self, facts: Mapping[str, Cell]) -> "Page":
        """Names and values in pairs."""
        pairs = [Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(one_line(k), shown(v)) for k, v in facts.items()]
        return self._add("<dl>{}</dl>", Markup("\n").join(pairs))

    def commands(self, commands: Sequence[tuple[str, str]]) -> "Page":
        """Commands to copy, each with what it is for."""
        row = Markup("<div><dt>{}</dt><dd><code>{}</code></dd></div>")
        rows = (row.format(one_line(purpose), one_line(command)) for purpose, command in commands)
        return self._add('<dl class="commands">{}</dl>', Markup("\n").join(rows))

    def table(self, table: Table) -> "Page":
        """A table; it scrolls by itself where it is wider than the page."""
        return self._add('<div class="scroll">{}</div>', table.to_html())

    def svg(self, drawing: str, *, own_size: bool = False) -> "Page":
        """A drawing of this package, put in as it is: text of any other origin does not belong here.

        It takes the width of the page, or its own; then it scrolls by itself where it is wider than the page.
        """
        return self._add('<figure class="{}">{}</figure>', "own plot" if own_size else "plot", Markup(drawing))

    def charts(self, drawings: Sequence[str]) -> "Page":
        """Drawings of this package, two in a row where the window is wide."""
        figures = (Markup('<figure class="plot">{}</figure>').format(Markup(drawing)) for drawing in drawings)
        return self._add('<div class="charts">{}</div>', Markup("\n").join(figures))

    def pictures(self, pictures: Sequence[tuple[str, UInt8[np.ndarray, "_ _ 3"]]], *, columns: int = 3) -> "Page":
        """A grid of pictures over their captions.

        Args:
            pictures: (caption, RGB picture). Pictures of at most 256 colours, such as label maps, are stored without
                loss, others as JPEG of quality 90.
            columns: Number of pictures side by side where the window is wide; fewer in narrow windows.
        """
        figures = [
            Markup(
                '<figure><img src="{}" width="{}" height="{}" alt="{}"{}><figcaption>{}</figcaption></figure>'
            ).format(
                _data_uri(picture),
                picture.shape[1],
                picture.shape[0],
                one_line(caption),
                Markup(' class="small"') if picture.shape[1] < _SMALL else "",
                one_line(caption),
            )
            for caption, picture in pictures
        ]
        return self._add('<div class="grid" style="--columns: {}">\n{}\n</div>', columns, Markup("\n").join(figures))

    def gallery(self, images: Sequence[GalleryImage], *, space: LabelSpace, layers: Sequence[str]) -> "Page":
        """Images that can be sorted, filtered and enlarged; see `gallery_markup` for the arguments."""
        self._script = viewer_script()
        return self._add("{}", gallery_markup(images, space=space, layers=layers))

    def legend(self, space: LabelSpace) -> "Page":
        """The colours of all classes and of ignored pixels."""
        entries = [*zip(space.palette, space.names, strict=True), (ignore_color(space), "ignored")]
        items = [Markup("<li>{}<span>{}</span></li>").format(_swatch(color), one_line(name)) for color, name in entries]
        return self._add('<ul class="legend">{}</ul>', Markup("\n").join(items))

    def write(self, path: Path) -> None:
        """Write the page as one file, whole or not at all.

        Raises:
            InputError: If the file cannot be written.
        """
        digest = base64.b64encode(hashlib.sha256(self._script.encode()).digest()).decode("ascii")
        html = load_template("page.html.jinja").render(
            title=self._title,
            subtitle=self._subtitle,
            blocks=self._blocks,
            script=Markup(self._script),
            policy=f"script-src 'sha256-{digest}'; " if self._script else "",
        )
        with atomic_path(path) as temporary:
            temporary.write_text(html, encoding="utf-8")

    def _add(self, layout: str, *values: object) -> "Page":
        self._blocks.append(Markup(layout).format(*values))
        return self


def _swatch(color: Color) -> Markup:
    return Markup('<i style="background: rgb({:d} {:d} {:d})"></i>').format(*color)


def _data_uri(picture: UInt8[np.ndarray, "_ _ 3"]) -> str:
    image = Image.fromarray(picture)
    file = io.BytesIO()
    kind = "jpeg" if image.getcolors(maxcolors=256) is None else "png"
    image.save(file, format=kind, quality=90)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
