"""Folders of what a network said, or of earlier work: masks that no one should train on unasked.

labels/a.npy    labels_backup/a.png    instance_masks/a.png    predicted_masks/a.png
"""

from collections.abc import Sequence

from atrous.data.layouts.choice import Choice
from atrous.data.layouts.words import tokens

_RESULT_WORDS = frozenset(
    {
        "predicted", "prediction", "predictions", "pred", "preds", "predict", "output", "outputs", "old", "backup",
        "backups", "bak", "auto", "automatic", "model", "models", "result", "results",
    }
)  # fmt: skip


def without_results(choices: Sequence[Choice]) -> list[Choice]:
    """The kinds of masks whose folders say nothing of networks or earlier work."""
    return [choice for choice in choices if not _are_results(choice)]


def _are_results(choice: Choice) -> bool:
    """Return True if a folder of masks has such a word, which no folder of their pictures has."""
    paired = choice.paired()
    masks = {word for _, mask in paired for part in mask.path.parent.parts for word in tokens(part)}
    images = {word for image, _ in paired for part in image.path.parent.parts for word in tokens(part)}
    return bool(_RESULT_WORDS & masks - images)
