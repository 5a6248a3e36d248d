"""Recipe of a run that resumes: the choices that it made by what the machine had when the run began."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from atrous.model.config import ModelConfig
from atrous.plain import from_plain
from atrous.training.format0 import upgraded_settings
from atrous.training.recipes import Recipe
from atrous.training.run import STATE_FILE


def has_begun(out: Path) -> bool:
    """Return True if a run, its first stage or its first fold has saved a state to resume from."""
    return any(os.path.exists(folder / STATE_FILE) for folder in _first_folders(out))


def resumed_recipe(start: Recipe, out: Path, *, keep_model: bool = False) -> Recipe:
    """Return the recipe with network, backbone weights, precision and logit adjustment of the run in a folder.

    A recipe that starts from what is installed would otherwise choose others once a package or another processor is
    there, and the same command would no longer resume its run; runs from before there was a logit adjustment have none.
    A protocol that fixes these settings stays as it is.

    Args:
        start: The recipe as it is for a new run.
        out: Run folder; where it holds no readable run, the recipe stays as it is.
        keep_model: Keep the recipe's network, because it was given.
    """
    if not start.start:
        return start
    for folder in _first_folders(out):
        try:
            settings: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            saved: Any = (settings if "format" in settings else upgraded_settings(settings))["training"]
            model = start.config.model if keep_model else from_plain(ModelConfig, saved["model"], where="its model")
            weights, precision = saved["backbone_weights"], saved["precision"]
            if not isinstance(weights, str | None) or precision not in ("float32", "bfloat16", "float16"):
                continue
            share = saved.get("logit_adjustment", 0.0)
            if type(share) not in (int, float) or not 0 <= share <= 1:
                continue
            config = replace(
                start.config, model=model, backbone_weights=weights, precision=precision, logit_adjustment=share
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError):  # no run, or one that `Run` refuses
            continue
        reason = f"starts from {weights or 'random weights'}, as {folder / 'config.json'} says"
        return replace(start, config=config, start=reason)
    return start


def _first_folders(out: Path) -> tuple[Path, ...]:
    """Folders in which the first stage or fold of a run may lie."""
    return out / "stage1", out, out / "fold1" / "stage1", out / "fold1"
