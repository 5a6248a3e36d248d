"""Silence for libraries that log, warn and print while they convert a network."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def silent(logger_name: str) -> Iterator[None]:
    """Keep back warnings, what is printed, and what a logger says below errors.

    Args:
        logger_name: Name of the library's logger, such as `nncf`, which draws bars of progress, or `torch.onnx`.
    """
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
