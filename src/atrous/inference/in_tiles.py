"""Images in memory that are too large to be predicted whole: they are predicted in tiles, or refused."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.inference.device import device_memory
from atrous.inference.result import map_dtype
from atrous.inference.tiling.regions import Region
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.sizes import Size, size_text

WHOLE_PIXELS = 2**24
"""Largest image that is predicted whole by default: beyond 4096 x 4096, even small networks need gigabytes."""


def joined_labels(regions: Iterable[Region], size: Size, *, classes: int) -> Integer[np.ndarray, "h w"]:
    """The label map of an image of a size from its regions, as `Predictor.regions` gives them."""
    labels = np.empty(size, map_dtype(classes))
    for region in regions:
        labels[region.rows, region.columns] = region.labels().cpu().numpy()
    return labels


def check_whole(
    config: ModelConfig,
    size: Size,
    *,
    computed: Size,
    bytes_per_number: int,
    maps: int,
    ways: Mapping[str, bool],
    device: torch.device,
) -> None:
    """Refuse an image that cannot be predicted whole because a single layer needs more memory than the device has.

    Nothing is computed.

    Args:
        config: The network, at the output stride that it is computed at.
        size: (height, width) of the image.
        computed: Its largest size in the network: padded, at the largest scale.
        bytes_per_number: Size of the numbers that the network computes with.
        maps: Bytes of what is asked for besides labels.
        ways: What tiles do not have, such as `flip`, each with True if it was asked for.
        device: Where it is computed.

    Raises:
        InputError: With the memory that is needed and that there is.
    """
    needed = largest_layer(config, computed) * bytes_per_number + (maps if device.type == "cpu" else 0)
    available = device_memory(device)
    if needed > available:
        asked = " and ".join(name for name, is_asked in ways.items() if is_asked)
        raise InputError(
            f"an image of {size_text(size)} (height x width) takes more than {needed / 2**30:.0f} GiB to be predicted "
            f"whole, and {device} has {available / 2**30:.0f}; leave out {asked}, and it is predicted in tiles, "
            "or cut it"
        )


def largest_layer(config: ModelConfig, size: Size) -> int:
    """Numbers that the convolution with the largest maps reads and writes, for one image of a size.

    The forward pass is done without data, on torch's device `meta`.
    """
    largest = 0

    def look(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal largest
        largest = max(largest, inputs[0].numel() + output.numel())

    with torch.device("meta"), torch.no_grad():
        model = build(config).eval()
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(look)
        model(torch.empty(1, config.in_channels, *size, dtype=torch.uint8))
    return largest
