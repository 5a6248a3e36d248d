"""The network that is exported: from images of unsigned bytes to labels, probabilities or logits at full size."""

import copy
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.export.axis_matrices import MatrixResize, MatrixWindowMeans, apply_to_axes, interpolation_matrix
from atrous.inference.engines.description import Layout, Output
from atrous.inference.engines.fused import fused
from atrous.inference.engines.fused_conv import FusedConv
from atrous.model.backbones.resnet import MaxPool
from atrous.model.deeplab import DeepLab
from atrous.model.resampling import Resize, WindowMeans

MAX_UINT8_CLASSES = 255
"""Classes that labels of unsigned bytes can hold besides an ignore value."""


class SymmetricPadding(NamedTuple):
    """Padding of a convolution on maps of odd size, where TensorFlow's SAME puts as many zeros before as after."""

    margin: int

    def __call__(self, x: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], int]:
        """Return the map, and the zeros to add on all sides."""
        return x, self.margin


class ExportGraph(nn.Module):
    """A model with everything between an image and its labels inside: scaling, padding, upsampling, crop, argmax.

    Batch norms are folded into plain convolutions. Batch, height and width are those of the images.

    Args:
        model: The model, which is left unchanged.
        output: Map to compute: labels, probabilities, or logits.
        layout: Order of the images' axes.
        dtype: Number type of the network; labels, probabilities and logits are computed in float32.

    Raises:
        InputError: If there are more classes than labels of unsigned bytes can hold.
    """

    def __init__(
        self, model: DeepLab, *, output: Output, layout: Layout = "nhwc", dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if output == "labels" and model.config.classes > MAX_UINT8_CLASSES:
            raise InputError(
                f"{model.config.classes} classes do not fit into labels of unsigned bytes (up to {MAX_UINT8_CLASSES}); "
                "export logits or probabilities"
            )
        self.network = plain_network(model).to(dtype)
        self.output, self.layout = output, layout

    def forward(self, image: UInt8[Tensor, "b _ _ _"]) -> UInt8[Tensor, "b h w"] | Float[Tensor, "b k h w"]:
        """Compute the output of images, RGB or other channels, values 0..255."""
        return self.finish(self.logits(image))

    def finish(self, logits: Float[Tensor, "b k h w"]) -> UInt8[Tensor, "b h w"] | Float[Tensor, "b k h w"]:
        """Compute the output from logits at full size."""
        if self.output == "labels":
            return logits.argmax(dim=1).to(torch.uint8)
        return logits.softmax(dim=1) if self.output == "probabilities" else logits

    def logits(self, image: UInt8[Tensor, "b _ _ _"]) -> Float[Tensor, "b k h w"]:
        """Compute logits at full size."""
        images = image.permute(0, 3, 1, 2) if self.layout == "nhwc" else image
        height, width = images.shape[-2:]
        placement = self.network.placement((height, width))
        coarse = self.network(images).float()
        rows, columns = (
            interpolation_matrix(crop, length=length, source=source, align_corners=placement.align_corners)
            for crop, length, source in zip(placement.crop, placement.size, coarse.shape[-2:], strict=True)
        )
        return apply_to_axes(coarse, rows, columns)


class GraphWithLogits(nn.Module):
    """A graph that gives its logits beside its output, so that the logits of an exported file can be compared."""

    def __init__(self, graph: ExportGraph) -> None:
        super().__init__()
        self.exported = graph  # torch's recorder has a `graph` of its own

    def forward(self, image: UInt8[Tensor, "b _ _ _"]) -> tuple[Tensor, ...]:
        """Compute the output and the logits; the logits alone where they are the output."""
        logits = self.exported.logits(image)
        return (logits,) if self.exported.output == "logits" else (self.exported.finish(logits), logits)


def plain_network(model: DeepLab) -> DeepLab:
    """Copy a model with batch norms folded, plain convolutions, and no operation that depends on the parity of a size.

    The copy computes the same numbers up to rounding.
    """
    network = copy.deepcopy(fused(model)).float()
    network.preprocess.range_checked = True  # values cannot be looked at while a graph is recorded
    _make_plain(network, odd=model.preprocess.fits)
    return network


def _make_plain(parent: nn.Module, *, odd: bool) -> None:
    """Replace parts; `odd` states that maps which enter a striding layer have odd sizes (output stride * k + 1)."""
    for name, part in list(parent.named_children()):
        match part:
            case FusedConv() if odd:
                part.pads = SymmetricPadding(part.margin)
            case MaxPool(same=True) if odd:
                setattr(parent, name, nn.MaxPool2d(3, stride=2, padding=1))
            case Resize():
                setattr(parent, name, MatrixResize(align_corners=part.align_corners))
            case WindowMeans():
                setattr(parent, name, MatrixWindowMeans(part))
            case _:
                _make_plain(part, odd=odd)
