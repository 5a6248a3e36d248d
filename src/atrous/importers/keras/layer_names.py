"""Layers of the Keras port beside the scopes of the official code, whose names it shortens."""

import re

_RULES = (
    (r"(entry_flow)_(conv1_[12])", r"xception_65/\1/\2"),
    (r"(entry_flow|exit_flow)_(block[123])_(.+)", r"xception_65/\1/\2/unit_1/xception_module/\3"),
    (r"middle_flow_unit_(\d+)_(.+)", r"xception_65/middle_flow/block1/unit_\1/xception_module/\2"),
    (r"Conv_?", r"MobilenetV2/Conv"),
    (r"(expanded_conv(?:_\d+)?)_(expand|depthwise|project)", r"MobilenetV2/\1/\2"),
    (r"(feature_projection0|decoder_conv[01]_(?:depthwise|pointwise))", r"decoder/\1"),
    (r"(image_pooling|aspp0|aspp[123]_(?:depthwise|pointwise)|concat_projection)", r"\1"),
    (r"(?:custom_)?logits_semantic", r"logits/semantic"),
)
"""Patterns of whole names, with the scope; `Conv_` is the stem of images that are not of three channels."""

_TENSORS = {
    "kernel": "weights",
    "depthwise_kernel": "depthwise_weights",
    "bias": "biases",
    "gamma": "BatchNorm/gamma",
    "beta": "BatchNorm/beta",
    "moving_mean": "BatchNorm/moving_mean",
    "moving_variance": "BatchNorm/moving_variance",
}


def variable_of(layer: str, weight: str) -> str | None:
    """The official code's variable of a weight, such as `aspp0/BatchNorm/gamma`; None where there is none.

    Args:
        layer: Name of the layer in Keras, such as `aspp0_BN`.
        weight: Name of the weight in its layer, such as `gamma`.
    """
    if weight == "kernel" and layer.endswith("_depthwise"):
        weight = "depthwise_kernel"  # as Keras 3 calls it
    tensor = _TENSORS.get(weight)
    if tensor is None:
        return None
    normed = tensor.startswith("BatchNorm")
    if normed != layer.endswith("_BN"):
        return None
    name = layer.removesuffix("_BN") if normed else layer
    for pattern, scope in _RULES:
        match = re.fullmatch(pattern, name)
        if match:
            return f"{match.expand(scope)}/{tensor}"
    return None
