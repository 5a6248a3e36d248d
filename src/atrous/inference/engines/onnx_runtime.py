"""ONNX Runtime as an engine."""

from pathlib import Path

import torch

from atrous.errors import InputError, reason
from atrous.extras import require
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.engine import Images, Outputs, in_layout

ONLY_ERRORS = 3


class OnnxRuntimeEngine:
    """An `.onnx` file in ONNX Runtime on a CPU.

    Args:
        path: The file.

    Raises:
        InputError: If ONNX Runtime is missing, or the file is damaged or no export of ours.
    """

    def __init__(self, path: Path) -> None:
        runtime = require("onnxruntime", extra="export", purpose=f"running {path}")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = ONLY_ERRORS
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its classes of exceptions are not public
            raise InputError(f"{path} cannot be opened by ONNX Runtime: {reason(error):.200}") from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.description = ExportDescription.from_metadata(metadata, where=str(path))
        self.name = f"onnxruntime {runtime.__version__}"

    def __call__(self, images: Images) -> Outputs:
        """Compute the output of images."""
        return self._session.run(None, {"image": in_layout(images, self.description.layout)})[0]
