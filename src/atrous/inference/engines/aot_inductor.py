"""Packages of torch's AOTInductor as an engine: compiled code for the kind of processor that exported it."""

import logging
import threading
from pathlib import Path

import torch

from atrous.errors import InputError, reason
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.engine import Images, Outputs, in_layout
from atrous.inference.engines.proof_record import read_description, read_proof

_log = logging.getLogger(__name__)


class AotInductorEngine:
    """A `.pt2` package on a CPU. Opening it loads native code into this process.

    Args:
        path: The file.
        description: Description of the model.

    Raises:
        InputError: If torch cannot load the package.
    """

    def __init__(self, path: Path, description: ExportDescription) -> None:
        try:
            self._package = torch._inductor.aoti_load_package(str(path.resolve()))
        except Exception as error:  # torch names no classes
            raise InputError(f"{path} cannot be opened by torch {torch.__version__}: {reason(error):.200}") from error
        self.description = description
        self.name = f"AOTInductor of torch {torch.__version__}"
        self._lock = threading.Lock()  # a package computes one thing at a time

    def __call__(self, images: Images) -> Outputs:
        """Compute the output of images."""
        tensor = torch.from_numpy(in_layout(images, self.description.layout))
        with self._lock, torch.inference_mode():
            return self._package(tensor).numpy().copy()


def open_package(path: Path) -> AotInductorEngine:
    """Open a package whose sha256 its proof names, with a warning: it is a program, and a proof is no signature.

    Raises:
        InputError: If the proof is missing, or is that of another file, or torch cannot load the package.
    """
    read_proof(path)
    description = read_description(path)
    _log.warning("%s is a program, which runs now; take such files only from where you would take programs", path)
    return AotInductorEngine(path, description)
