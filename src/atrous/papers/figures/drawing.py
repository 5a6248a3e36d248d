"""Writing a figure as a PNG whose bytes depend on its content alone."""

from pathlib import Path

from matplotlib.figure import Figure

from atrous.files import atomic_path


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure on white paper; raises InputError if the file cannot be written."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    return path
