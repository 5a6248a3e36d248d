"""Recording of the exported network for images of any batch, height and width."""

import warnings

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from atrous.export.graph import ExportGraph, GraphWithLogits
from atrous.inference.torch_settings import default_torch_settings

AXES = ("batch", "height", "width")

TRACED_SIZE = (2, 97, 131)
"""Batch, height and width of the images while recording; no number of the graph depends on them."""


def record(graph: ExportGraph) -> ExportedProgram:
    """Record a graph for images of any batch, height and width."""
    return _record(graph, graph)


def record_with_logits(graph: ExportGraph) -> ExportedProgram:
    """Record a graph that gives its logits beside its output."""
    return _record(GraphWithLogits(graph), graph)


def _record(module: nn.Module, graph: ExportGraph) -> ExportedProgram:
    batch, height, width = TRACED_SIZE
    channels = graph.network.config.in_channels
    nhwc = graph.layout == "nhwc"
    shape = (batch, height, width, channels) if nhwc else (batch, channels, height, width)
    any_size = dict.fromkeys((0, 1, 2) if nhwc else (0, 2, 3), Dim.DYNAMIC)
    with warnings.catch_warnings(), default_torch_settings(), torch.enable_grad():
        warnings.simplefilter("ignore")  # of torch about its own parts
        images = torch.zeros(shape, dtype=torch.uint8)
        return torch.export.export(module.eval(), (images,), dynamic_shapes=(any_size,), strict=False)
