"""The weights of a run folder, as `atrous train` writes it: those of its last checkpoint."""

import logging
from pathlib import Path

from atrous.errors import InputError

LAST = "last.safetensors"
"""Archive in a run folder that is reported: the last checkpoint, not one chosen by its validation result."""

CONFIG = "config.json"
"""Settings of a run; every run folder has them from its first step on."""

METRICS = "metrics.jsonl"
"""Records of a run, one a line; every run folder has them from its first step on."""

_log = logging.getLogger(__name__)


def last_weights(path: Path) -> Path:
    """Return the last checkpoint of a run folder, which a line in the log names; any other path as it is.

    Raises:
        InputError: If the folder is of a run that has saved no weights yet, or holds several runs.
    """
    if not path.is_dir():
        return path
    if (path / LAST).is_file():
        _log.warning("%s is a run folder; its %s is used", path, LAST)
        return path / LAST
    if all((path / name).is_file() for name in (CONFIG, METRICS)):
        raise InputError(f"{path} is the folder of a run that has saved no {LAST} yet; train to its first validation")
    inside = sorted(folder.parent.name for folder in path.glob(f"*/{LAST}"))
    if inside:
        raise InputError(f"{path} holds {len(inside)} run folders; give one of them, such as {path / inside[0]}")
    return path
