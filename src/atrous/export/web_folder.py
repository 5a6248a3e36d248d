"""Pages for static web servers: an ONNX model, a page that computes it in the browser, and the runtime for it."""

import hashlib
import json
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from atrous.errors import InputError, OutputError
from atrous.export.export import ProofError, export
from atrous.export.proof import Proof
from atrous.export.staging import staged
from atrous.export.web_runtime import VERSION, runtime_files
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.proof_record import read_description
from atrous.report.overlay_colors import background_class, bright_space
from atrous.report.page_parts import page_parts
from atrous.weights.archive import Archive

MODEL = "model.onnx"
DESCRIPTION = "model.json"
PAGE = "index.html"


def export_web(weights: Archive, out: Path, *, name: str, runtime: Path | None = None, **settings: Any) -> Proof:
    """Export weights as a folder for a static web server; its files appear together once the model is proven.

    Args:
        weights: Archive to export.
        out: Folder to write: a new or empty one, or one that this function has written, whose files are replaced.
        name: Name of the model, which the page shows.
        runtime: The npm package of ONNX Runtime Web, unpacked; None fetches it by npm into the cache.
        settings: Further arguments of `export`.

    Returns:
        The comparison of the model with the weights.

    Raises:
        ProofError: If the gate is not met.
        InputError: If the folder holds other files or cannot be written, or a setting is impossible in a browser.
    """
    check_web(weights, out)
    contents = runtime_files(runtime)
    created = not out.exists()
    try:
        with staged(out / PAGE) as folder:
            try:
                proof = export(weights, folder / MODEL, **settings)
            except ProofError as error:
                raise ProofError(out, error.proof) from error
            contents |= page_parts() | _page_files()
            contents[DESCRIPTION] = _description(folder / MODEL, name)
            for file, content in contents.items():
                (folder / file).write_bytes(content)
    finally:
        if created:
            with suppress(OSError):  # it is not empty once the files are there
                out.rmdir()
    return proof


def check_web(weights: Archive, out: Path) -> None:
    """Raise InputError for a folder that holds other files, or weights that take other pictures than a browser has."""
    channels = weights.model.config.in_channels
    if channels != 3:
        raise InputError(f"pictures in a browser have three channels, and these weights take {channels}; export ONNX")
    try:
        entries = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    except OSError as error:
        raise OutputError(f"--out {out} cannot be read: {error.strerror or error}; give a new folder") from error
    if entries and not {MODEL, DESCRIPTION, PAGE} <= {*entries}:
        raise InputError(f"--out {out} holds other files, such as {entries[0]:.80}; give a new folder")


def _page_files() -> dict[str, bytes]:
    folder = files("atrous.export").joinpath("web_page")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def _description(model: Path, name: str) -> bytes:
    """Return what the page knows of its model, as JSON."""
    description: ExportDescription = read_description(model)
    labels = description.labels
    content = model.read_bytes()
    bright = bright_space(labels).palette
    about = {
        "name": name,
        "file": {"path": MODEL, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        "classes": [
            {"id": label, "name": one, "color": list(labels.palette[label]), "overlay_color": list(bright[label])}
            for label, one in enumerate(labels.names)
        ],
        "background": background_class(labels),
        "precision": description.precision,
        "output_stride": description.output_stride,
        "weights_sha256": description.weights_sha256,
        "runtime": f"ONNX Runtime Web {VERSION}",
        "version": description.version,
    }
    return (json.dumps(about, indent=2) + "\n").encode()
