"""OpenVINO as an engine."""

import threading
from pathlib import Path

import torch

from atrous.errors import InputError, reason
from atrous.extras import require
from atrous.inference.engines.description import PREFIX, ExportDescription
from atrous.inference.engines.engine import Images, Outputs, in_layout
from atrous.inference.engines.signal_stack import kept_signal_stack
from atrous.inference.engines.without_amx import without_amx

METADATA = PREFIX.rstrip(".")
"""Name of the group of entries in the runtime information of a file."""


class OpenVinoEngine:
    """An `.xml` file, with the `.bin` file of its weights beside it, in OpenVINO on a CPU.

    Args:
        path: The `.xml` file.

    Raises:
        InputError: If OpenVINO is missing, or the files are damaged or no export of ours.
    """

    @kept_signal_stack()
    def __init__(self, path: Path) -> None:
        openvino = require("openvino", extra="export", purpose=f"running {path}")
        core = openvino.Core()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": "f32",  # of what is not 8 bits; bfloat16 is slower where there is no AMX
        }
        if not path.with_suffix(".bin").is_file():
            raise InputError(f"{path}: its weights, {path.with_suffix('.bin').name}, do not lie beside it")
        try:
            model = core.read_model(str(path))
            with without_amx():
                self._model = core.compile_model(model, "CPU", settings)
        except Exception as error:  # RuntimeError and others, which are not documented
            raise InputError(f"{path} cannot be opened by OpenVINO: {reason(error):.200}") from error
        metadata: dict[str, str] = {}
        if METADATA in model.rt_info:
            metadata = {f"{PREFIX}{name}": value.astype(str) for name, value in model.rt_info[METADATA].items()}
        self.description = ExportDescription.from_metadata(metadata, where=str(path))
        self.name = f"openvino {openvino.__version__.partition('-')[0]}"
        self._requests = threading.local()  # a request computes one thing at a time

    def __call__(self, images: Images) -> Outputs:
        """Compute the output of images."""
        if not hasattr(self._requests, "request"):
            self._requests.request = self._model.create_infer_request()
        (output,) = self._requests.request.infer([in_layout(images, self.description.layout)]).values()
        return output.copy()
