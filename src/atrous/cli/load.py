"""Weights for a verb, with a progress bar while they are downloaded."""

from atrous.cli.console import progress_callback
from atrous.weights.archive import Archive
from atrous.weights.load import load


def load_weights(source: str) -> Archive:
    """An archive, an official `.tflite`, a checkpoint of another project, `hf://user/name`, or a name in the manifest.

    Raises:
        InputError: If it is none of these.
    """
    with progress_callback("downloading weights") as on_progress:
        return load(source, on_progress=on_progress)
