"""Files for phones and small devices: images of one size in, labels or numbers of every class out."""

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from torch.export import ExportedProgram

from atrous.errors import InputError, reason
from atrous.export.silence import silent
from atrous.extras import installed, require
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.engine import Images, Outputs, in_layout

PhoneFormat = Literal["litert", "executorch", "coreml"]
"""Format of a file for phones."""

PHONE_SUFFIXES: dict[str, PhoneFormat] = {".tflite": "litert", ".pte": "executorch", ".mlpackage": "coreml"}


class LiteRtEngine:
    """A `.tflite` file in LiteRT's interpreter on a CPU.

    Args:
        path: The file.
        description: Description of the model.
    """

    def __init__(self, path: Path, description: ExportDescription) -> None:
        interpreter = importlib.import_module("ai_edge_litert.interpreter")  # it comes with the converter
        self._interpreter: Any = interpreter.Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self.description = description
        self.name = "LiteRT"

    def __call__(self, images: Images) -> Outputs:
        """Compute the output of images of the file's size, one after another."""
        (source,), (target,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        outputs = list[np.ndarray]()
        for image in in_layout(images, self.description.layout):
            self._interpreter.set_tensor(source["index"], image[None])
            self._interpreter.invoke()
            outputs.append(self._interpreter.get_tensor(target["index"]).copy())
        return np.concatenate(outputs)


class ExecuTorchEngine:
    """A `.pte` file in ExecuTorch's runtime on a CPU.

    Args:
        path: The file.
        description: Description of the model.
    """

    def __init__(self, path: Path, description: ExportDescription) -> None:
        runtime = importlib.import_module("executorch.runtime")  # it comes with the converter
        self._program: Any = runtime.Runtime.get().load_program(str(path))
        self._method: Any = self._program.load_method("forward")
        self.description = description
        self.name = "ExecuTorch"

    def __call__(self, images: Images) -> Outputs:
        """Compute the output of images of the file's size, one after another."""
        batch = in_layout(images, self.description.layout)
        return np.concatenate(
            [self._method.execute([torch.from_numpy(image[None])])[0].numpy().copy() for image in batch]
        )


def check_converter(form: PhoneFormat, name: str) -> ModuleType:
    """Import the converter of a format, before anything long begins.

    Raises:
        InputError: If it is not installed, or cannot be imported.
    """
    if form == "litert" and not installed("litert_torch"):
        # No extra: xdsl, which it depends on, states another range of typing-extensions than tyro.
        raise InputError(
            f"writing {name} needs litert_torch; install it in an environment of its own: pip install litert-torch, "
            "then pip install atrous; what pip says of typing-extensions is harmless"
        )
    module = {"litert": "litert_torch", "executorch": "executorch.exir", "coreml": "coremltools"}[form]
    with silent(module):
        return require(module, extra=form, purpose=f"writing {name}")


def write_litert(program: ExportedProgram, path: Path) -> None:
    """Convert a recorded graph to a `.tflite` file; raises InputError if the converter is missing or fails."""
    converter = check_converter("litert", path.name)
    images = program.example_inputs
    assert images is not None, "a recorded program keeps its images"
    with silent("litert_torch"), _failing_as_one_line(path, "litert-torch"):
        converter.convert(program.module(check_guards=False), images[0]).export(str(path))


def write_executorch(program: ExportedProgram, path: Path) -> None:
    """Convert a recorded graph to a `.pte` file with XNNPACK's kernels; raises InputError as `write_litert` does."""
    exir = check_converter("executorch", path.name)
    xnnpack = importlib.import_module("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    with silent("executorch"), _failing_as_one_line(path, "executorch"):
        lowered = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
        path.write_bytes(lowered.to_executorch().buffer)


def write_coreml(program: ExportedProgram, path: Path, *, description: ExportDescription) -> None:
    """Convert a recorded graph of float images to a `.mlpackage` of iOS 16; raises InputError as `write_litert` does.

    The file takes a picture as iOS has it, and carries the description in its metadata.
    """
    coremltools = check_converter("coreml", path.name)
    images = program.example_inputs
    assert images is not None, "a recorded program keeps its images"
    shape = tuple(images[0][0].shape)
    colors = {1: coremltools.colorlayout.GRAYSCALE, 3: coremltools.colorlayout.RGB}
    if shape[1] in colors:
        image = coremltools.ImageType(name="image", shape=shape, color_layout=colors[shape[1]])
    else:
        image = coremltools.TensorType(name="image", shape=shape)
    with silent("coremltools"), _failing_as_one_line(path, "coremltools"):
        model = coremltools.convert(
            program.run_decompositions({}),
            inputs=[image],
            outputs=[coremltools.TensorType(name=description.output)],
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=coremltools.precision.FLOAT32,
        )
        model.user_defined_metadata.update(description.to_metadata())
        model.save(str(path))


@contextmanager
def _failing_as_one_line(path: Path, library: str) -> Iterator[None]:
    try:
        with redirect_stderr(io.StringIO()):  # bars of progress
            yield
    except OSError:
        raise
    except Exception as error:  # of converters, which name no classes
        raise InputError(f"{path.name} cannot be converted by {library}: {reason(error):.200}") from error
