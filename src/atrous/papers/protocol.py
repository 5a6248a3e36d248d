"""The protocol of a folder of results: a folder holds results of one protocol alone."""

import json
from pathlib import Path
from typing import Any

from atrous.data.formats.json_files import read_object
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.model.presets import PRESETS
from atrous.plain import completed, first_difference, to_plain
from atrous.training.config import TrainConfig

PROTOCOL = "protocol.json"

_FREE = ("rows", "software")
"""Parts of a protocol that change no row."""


def plain_protocol(about: Any) -> dict[str, Any]:
    """Return settings and descriptions as the JSON values that a protocol file holds."""
    return json.loads(json.dumps(to_plain(about)))


def claim_folder(out: Path, protocol: dict[str, Any]) -> None:
    """Write the protocol into a folder, or compare it with the one that is there.

    Args:
        out: Folder of results.
        protocol: As `plain_protocol` returns it.

    Raises:
        InputError: If the folder holds results of another protocol, or cannot be written to.
    """
    path = out / PROTOCOL
    if path.exists():
        saved = read_object(path, remedy="choose another --out")
        saved["training"] = completed(saved.get("training"), _defaults())
        difference = first_difference(saved, protocol, free=_FREE)
        if difference is not None:
            name, before, now = difference
            raise InputError(
                f"{out} holds results of another protocol ({name}: {before!r:.60} there, {now!r:.60} now); "
                "choose another --out"
            )
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(protocol, indent=2) + "\n", encoding="utf-8")


def _defaults() -> dict[str, Any]:
    """Settings of training, but the network's, at their defaults: those that an older protocol lacks were so."""
    defaults = plain_protocol(TrainConfig(model=PRESETS["deeplabv3_resnet101_beta"]))
    return {name: value for name, value in defaults.items() if name != "model"}
