"""The proof beside an exported file: the hashes of the files that were compared, and the result."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atrous.errors import InputError


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
    files = [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]
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
    proof = proof_path(path)
    again = "export the weights again"
    try:
        content: Any = json.loads(proof.read_text(encoding="utf-8"))
        hashes = file_hashes(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be checked by its proof {proof.name}: {error!s:.200}; {again}") from error
    stated = content if isinstance(content, dict) else {}
    if stated.get("files") != hashes:
        raise InputError(f"{path} is not the file that {proof.name} is the proof of: its sha256 differs; {again}")
    passed, share = stated.get("passed"), stated.get("equal_share")
    if not isinstance(passed, bool) or not isinstance(share, float | int):
        raise InputError(f"{proof} does not state the result of a comparison; {again}")
    return ProofRecord(passed, float(share))
