"""The proof of an exported file, written beside it as JSON and as Markdown."""

import hashlib
import json
from pathlib import Path

from atrous.export.proof import Proof
from atrous.inference.engines.description import ExportDescription
from atrous.plain import to_plain
from atrous.report.tables import shown


def write_proof(proof: Proof, path: Path, *, description: ExportDescription) -> None:
    """Write `FILE.proof.json` and `FILE.proof.md` beside an exported file.

    Args:
        proof: The comparison.
        path: The exported file.
        description: Description of the exported model.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    numbers = {
        "file": path.name,
        "sha256": sha256,
        "model": to_plain(description),
        "engine": proof.engine,
        "gate": {"rule": str(proof.gate), **to_plain(proof.gate)},
        "passed": proof.passed,
        "equal_share": proof.equal_share,
        "comparisons": to_plain(proof.comparisons),
    }
    path.with_name(f"{path.name}.proof.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    path.with_name(f"{path.name}.proof.md").write_text(_markdown(proof, path, description, sha256), encoding="utf-8")


def _markdown(proof: Proof, path: Path, description: ExportDescription, sha256: str) -> str:
    table = proof.table()
    lines = [
        f"# {path.name}",
        "",
        f"{description.precision}, {description.output} of images of unsigned bytes ({description.layout}), computed "
        f"by {proof.engine}, against the same weights in float32.",
        "",
        f"* gate: {proof.gate}",
        f"* result: {proof.summary()}",
        f"* weights: {description.weights_sha256 or 'not from a file'}",
        f"* file: {sha256}",
        "",
        f"| {' | '.join(table.columns)} |",
        f"|{' --- |' * len(table.columns)}",
    ]
    for row in table.rows:
        cells = (shown(cell, spec) for cell, spec in zip(row, table.formats, strict=True))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
