"""Engines: programs that compute exported files, behind one protocol."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from atrous.inference.engines.description import ExportDescription, Layout

Images = UInt8[np.ndarray, "b h w c"]
"""Images of one size, values 0..255."""

Outputs = UInt8[np.ndarray, "b h w"] | Float[np.ndarray, "b k h w"]
"""Labels, or probabilities or logits of every class."""


@runtime_checkable
class Engine(Protocol):
    """An exported file that has been opened.

    Attributes:
        name: Name of the program with its version, such as `onnxruntime 1.23`.
        description: Description of the model, from the metadata of the file.
    """

    name: str
    description: ExportDescription

    def __call__(self, images: Images) -> Outputs:
        """Compute the output of images; several threads may call at the same time."""
        ...


def in_layout(images: Images, layout: Layout) -> UInt8[np.ndarray, "b _ _ _"]:
    """Return images with their axes in the order that a model takes."""
    return np.ascontiguousarray(images if layout == "nhwc" else images.transpose(0, 3, 1, 2))
