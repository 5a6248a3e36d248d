"""Tables of the papers at the smallest scale: narrow networks, one step, pictures of 33x49 pixels."""

from pathlib import Path

import torch

from atrous.papers.rerun import Experiment, open_experiment
from atrous.papers.scale import Scale
from fakes.camvid import fake_camvid

TINY = {"width": 0.02, "iterations": 1, "crop": (33, 33), "batch_size": 2}


def tiny_data(folder: Path) -> Path:
    """Five pictures to train on and two to evaluate on."""
    return fake_camvid(folder, size=(33, 49))


def tiny_experiment(table, data: Path, out: Path, *, chosen=(), runs=None, **scale) -> Experiment:
    """A re-run of a table at the smallest scale, with changes to it."""
    return open_experiment(
        table, data, scale=Scale(**{**TINY, **scale}), out=out, runs=runs, chosen=chosen, device=torch.device("cpu")
    )
