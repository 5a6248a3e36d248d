"""Packages of torch's AOTInductor: the recorded graph compiled to native code for this kind of processor."""

import shutil
import warnings
from pathlib import Path

import torch
from torch.export import ExportedProgram

from atrous.errors import InputError, reason

COMPILERS = ("g++", "clang++", "c++")


def save_package(program: ExportedProgram, path: Path) -> None:
    """Compile a recorded graph; the number of threads is that of the process that runs it.

    Args:
        program: Graph that gives its output alone.
        path: File to write, `.pt2`.

    Raises:
        InputError: If there is no C++ compiler, or compiling fails.
    """
    if not any(map(shutil.which, COMPILERS)):
        raise InputError(f"{path.name} is compiled, which needs a C++ compiler; install g++, or export to .onnx")
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about its own parts
            torch._inductor.aoti_compile_and_package(
                program, package_path=str(path), inductor_configs={"cpp.dynamic_threads": True}
            )
    except Exception as error:  # of torch and of the compiler
        raise InputError(
            f"{path.name} cannot be compiled by torch {torch.__version__}: {reason(error):.200}"
        ) from error
