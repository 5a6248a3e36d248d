"""Weights by name, file or run folder."""

import logging
from pathlib import Path

from atrous.download import OnProgress
from atrous.inference.isolation import loading
from atrous.weights.archive import Archive
from atrous.weights.load import load

LAST = "last.safetensors"
"""Archive in a run folder that is reported: the last checkpoint, not one chosen by its validation result."""

_log = logging.getLogger(__name__)


def load_weights(source: str | Path, *, on_progress: OnProgress | None = None) -> Archive:
    """Load what `atrous.load` takes, or the last checkpoint of a run folder, which a line in the log names.

    Args:
        source: A run folder, or a source of `atrous.load`.
        on_progress: Called with (bytes there, bytes in all) during a download.

    Raises:
        InputError: If it is neither of these, or damaged.
    """
    last = Path(source) / LAST
    try:
        is_run = last.is_file()
    except (OSError, ValueError):  # no path at all; `load` says so
        is_run = False
    if is_run:
        _log.info("%s is a run folder; its %s is used", source, LAST)
    with loading():
        return load(last if is_run else source, on_progress=on_progress)
