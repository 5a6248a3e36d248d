"""The proof of an exported file, written beside it as JSON and as Markdown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from atrous.export.int8 import LayerPrecision
from atrous.export.proof import Proof
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.proof_record import file_hashes, proof_path
from atrous.plain import to_plain
from atrous.report.tables import shown


def write_proof(
    proof: Proof, path: Path, *, description: ExportDescription, layers: Sequence[LayerPrecision] = ()
) -> None:
    """Write `FILE.proof.json` and `FILE.proof.md` beside an exported file.

    Args:
        proof: The comparison.
        path: The exported file.
        description: Description of the exported model.
        layers: Number types of the convolutions, where some have 8 bits.
    """
    hashes = file_hashes(path)
    numbers = {
        "file": path.name,
        "sha256": hashes[path.name],
        "files": hashes,
        "model": to_plain(description),
        "engine": proof.engine,
        "gate": {"rule": str(proof.gate), **to_plain(proof.gate)},
        "passed": proof.passed,
        "equal_share": proof.equal_share,
        "scores": to_plain(proof.scores),
        "calibration": to_plain(proof.shift),
        "comparisons": to_plain(proof.comparisons),
        "layers": to_plain(layers),
    }
    proof_path(path).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    path.with_name(f"{path.name}.proof.md").write_text(
        _markdown(proof, path, description, hashes, layers), encoding="utf-8"
    )


def _markdown(
    proof: Proof,
    path: Path,
    description: ExportDescription,
    hashes: Mapping[str, str],
    layers: Sequence[LayerPrecision],
) -> str:
    table = proof.table()
    lines = [
        f"# {path.name}",
        "",
        f"{description.precision}, {description.output} of images of unsigned bytes ({description.layout}), computed "
        f"by {proof.engine}, against the same weights in float32.",
        "",
        f"* gate: {proof.gate}",
        f"* result: {proof.summary()}",
        *([f"* data: {proof.scores}"] if proof.scores else []),
        *([f"* calibration pictures: {proof.shift}"] if proof.shift else []),
        f"* weights: {description.weights_sha256 or 'not from a file'}",
        *(f"* sha256 of {name}: {sha256}" for name, sha256 in hashes.items()),
        "",
        f"| {' | '.join(table.columns)} |",
        f"|{' --- |' * len(table.columns)}",
    ]
    for row in table.rows:
        cells = (shown(cell, spec) for cell, spec in zip(row, table.formats, strict=True))
        lines.append(f"| {' | '.join(cells)} |")
    if layers:
        lines += ["", f"{quantised_text(layers)}; in float32 are:", ""]
        lines += [f"* {layer.name} ({layer.kind})" for layer in layers if not layer.quantised] or ["* none"]
    return "\n".join(lines) + "\n"


def quantised_text(layers: Sequence[LayerPrecision]) -> str:
    """Return how many convolutions have 8 bits."""
    return f"{sum(layer.quantised for layer in layers)} of {len(layers)} convolutions have 8 bits"
