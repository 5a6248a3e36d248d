"""Recording of the exported network for images of one size: what does not depend on the image becomes a constant.

Converters for phones take few operations. At one size the matrices of resizing, and all that they are computed of, are
numbers, so that convolutions, products and activations remain.
"""

import warnings
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from atrous.export.graph import ExportGraph
from atrous.inference.torch_settings import default_torch_settings
from atrous.sizes import Size


class FloatImages(nn.Module):
    """A graph for images of floats 0..255, with 32-bit labels, for engines without unsigned bytes."""

    def __init__(self, graph: ExportGraph) -> None:
        super().__init__()
        self.exported = graph

    def forward(self, image: Float[Tensor, "b _ _ _"]) -> Tensor:
        """Compute the output."""
        output = self.exported.logits(image)
        return (
            output.argmax(dim=1).to(torch.int32) if self.exported.output == "labels" else self.exported.finish(output)
        )


def record_at(graph: ExportGraph, size: Size, *, floats: bool = False) -> ExportedProgram:
    """Record a graph for one image of a size (height, width).

    Args:
        graph: The network.
        size: Height and width of the images.
        floats: If true, images are floats 0..255, and labels have 32 bits.
    """
    channels, dtype = graph.network.config.in_channels, torch.float32 if floats else torch.uint8
    shape = (1, *size, channels) if graph.layout == "nhwc" else (1, channels, *size)
    images = torch.zeros(shape, dtype=dtype)
    module = FloatImages(graph) if floats else graph
    with warnings.catch_warnings(), default_torch_settings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch about its own parts
        recorded = torch.export.export(module.eval(), (images,), strict=False).run_decompositions({})
        folded = _folded(recorded.module(check_guards=False))
        _leave_broadcasting_to_sums(folded)
        return torch.export.export(folded, (images,), strict=False)


def _folded(module: fx.GraphModule) -> fx.GraphModule:
    """Compute every operation whose inputs are all constants, and keep its result as a buffer."""
    constants = dict[fx.Node, Any]()
    for node in list(module.graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            module.graph.erase_node(node)  # it would keep what is folded alive
            continue
        if node.op == "get_attr":
            constants[node] = _attribute(module, str(node.target))
        elif node.op == "call_function" and all(source in constants for source in node.all_input_nodes):
            arguments = fx.map_arg((node.args, node.kwargs), constants.__getitem__)
            constants[node] = node.target(*arguments[0], **arguments[1])
    for number, (node, value) in enumerate(constants.items()):
        outside = any(user not in constants for user in node.users)
        if not outside or not isinstance(value, Tensor) or isinstance(value, nn.Parameter):
            continue  # parameters stay what they are; buffers that are not saved would be lost on the way
        name = f"constant_{number}"
        module.register_buffer(name, value.detach().clone(memory_format=torch.contiguous_format))
        with module.graph.inserting_before(node):
            node.replace_all_uses_with(module.graph.get_attr(name))
    module.graph.eliminate_dead_code()
    used = {str(node.target) for node in module.graph.nodes if node.op == "get_attr"}
    for path, _ in list(module.named_buffers()):
        if path not in used:
            owner, _, attribute = path.rpartition(".")
            delattr(module.get_submodule(owner), attribute)
    module.recompile()
    return module


def _leave_broadcasting_to_sums(module: fx.GraphModule) -> None:
    """Add a map of one position as it is: LiteRT's converter loses the order of the axes where it is expanded."""
    aten = torch.ops.aten
    for node in module.graph.nodes:
        if node.target is not aten.expand.default or any(user.target is not aten.add.Tensor for user in node.users):
            continue
        others = [source for user in node.users for source in user.args if source is not node]
        shape = _shape(node)
        if shape is not None and all(isinstance(source, fx.Node) and _shape(source) == shape for source in others):
            node.replace_all_uses_with(node.args[0])
    module.graph.eliminate_dead_code()
    module.recompile()


def _shape(node: fx.Node) -> object:
    value = node.meta.get("val")
    return value.shape if isinstance(value, Tensor) else None


def _attribute(module: nn.Module, path: str) -> Any:
    value: Any = module
    for name in path.split("."):
        value = getattr(value, name)
    return value
