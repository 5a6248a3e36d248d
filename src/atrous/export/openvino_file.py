"""OpenVINO files: the ONNX graph read by OpenVINO, with the description of the model in the runtime information."""

from pathlib import Path
from typing import Any

from atrous.extras import require
from atrous.inference.engines.description import PREFIX, ExportDescription
from atrous.inference.engines.openvino_engine import METADATA


def openvino_model(onnx_file: Path) -> Any:
    """Convert an ONNX file to a model of OpenVINO with the same inputs and outputs.

    Raises:
        InputError: If OpenVINO is missing.
    """
    openvino = require("openvino", extra="export", purpose="exporting to OpenVINO")
    return openvino.convert_model(str(onnx_file))


def save_openvino(model: Any, path: Path, *, description: ExportDescription, half: bool) -> None:
    """Write the part of a model that computes one output, with its description.

    Args:
        model: Model as `openvino_model` returns it.
        path: File to write, `.xml`; its weights go into the `.bin` file beside it.
        description: Description for the metadata; it names the output.
        half: If true, weights are stored in 16 bits; a CPU computes them in 32.
    """
    openvino = require("openvino", extra="export", purpose="exporting to OpenVINO")
    wanted = model.output(description.output)
    result = openvino.opset13.result(wanted.get_node().input_value(0))
    result.output(0).set_names({description.output})
    written = openvino.Model([result], model.get_parameters(), "atrous")
    for name, text in description.to_metadata().items():
        written.set_rt_info(text, [METADATA, name.removeprefix(PREFIX)])
    openvino.save_model(written, str(path), compress_to_fp16=half)
