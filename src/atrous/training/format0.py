"""Format 0 of a run folder's `config.json`: the layouts that were written before the file had a format number."""

from collections.abc import Mapping
from typing import Any

from atrous.model.old_config import upgraded_config

_LOSS = ("class_balance", "label_smoothing", "hard_pixels")
"""Settings that stood beside the group `loss` before they were moved into it."""


_RENAMED = {"flip": "flip_probability"}
"""New names of settings by their old ones."""


def upgraded_settings(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of format 0 in the layout of format 1.

    Args:
        saved: Content of a `config.json` without a format number; anything that is not known is left as it is.
    """
    upgraded = dict(saved)
    training = upgraded.get("training")
    if isinstance(training, dict):
        upgraded["training"] = _upgraded_training(training)
    return upgraded


def _upgraded_training(training: Mapping[str, Any]) -> dict[str, Any]:
    training = {_RENAMED.get(name, name): value for name, value in training.items()}
    moved = {name: training[name] for name in _LOSS if name in training}
    kept = {name: value for name, value in training.items() if name not in _LOSS}
    if "model" in kept:
        kept["model"] = upgraded_config(kept["model"])
    loss = kept.get("loss", {})
    return {**kept, "loss": {**loss, **moved}} if moved and isinstance(loss, dict) else kept
