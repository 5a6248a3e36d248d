"""The proof beside an exported file: the hashes of the files that were compared, and the result."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atrous.errors import InputError
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.export_format import format_of
from atrous.plain import from_plain

AGAIN = "export the weights again"


@dataclass(frozen=True)
class ProofRecord:
    """Result of the comparison of an exported file with its weights, as `FILE.proof.json` holds it.

    Attributes:
        passed: True if the file met its gate.
        equal_share: Share of pixels with equal labels, 0..1.
    """

    passed: bool
    equal_share: float


def proof_path(path: Path) -> Path:
    """Return the path of the proof of an exported file."""
    return path.with_name(f"{path.name}.proof.json")


def file_hashes(path: Path) -> dict[str, str]:
    """Return the sha256 of an exported file and, of OpenVINO, of the file of its weights, by name."""
    files = [path, path.with_suffix(".bin")] if format_of(path) == "openvino" else [path]
    hashes = dict[str, str]()
    for file in files:
        with file.open("rb") as opened:
            hashes[file.name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return hashes


def read_proof(path: Path) -> ProofRecord:
    """Read the proof of an exported file, and check that it is the proof of this very file.

    Raises:
        InputError: If the proof is missing or damaged, or names other hashes than those of the files.
    """
    stated = _content(path)
    try:
        hashes = file_hashes(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; {AGAIN}") from error
    if stated.get("files") != hashes:
        name = proof_path(path).name
        raise InputError(f"{path} is not the file that {name} is the proof of: its sha256 differs; {AGAIN}")
    passed, share = stated.get("passed"), stated.get("equal_share")
    if not isinstance(passed, bool) or not isinstance(share, float | int):
        raise InputError(f"{proof_path(path)} does not state the result of a comparison; {AGAIN}")
    return ProofRecord(passed, float(share))


def read_description(path: Path) -> ExportDescription:
    """Read the description of an exported model from its proof; raises InputError if that is missing or damaged."""
    return from_plain(ExportDescription, _content(path).get("model"), where=str(proof_path(path)))


def _content(path: Path) -> dict[str, Any]:
    proof = proof_path(path)
    try:
        content: Any = json.loads(proof.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be checked by its proof {proof.name}: {error!s:.200}; {AGAIN}") from error
    return content if isinstance(content, dict) else {}
