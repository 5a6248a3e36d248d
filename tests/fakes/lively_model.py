"""A model and pictures for which classes change from pixel to pixel, though nothing was trained."""

import torch
from torch import nn

import atrous
from atrous.labels import LabelSpace
from atrous.model.deeplab import DeepLabV3
from atrous.model.deeplab_v3plus import DeepLabV3Plus
from atrous.weights.archive import Archive
from fakes.small_models import small_config

LABELS = LabelSpace(names=("sky", "road", "tree", "car"), palette=((0, 0, 255), (90, 90, 90), (0, 160, 0), (200, 0, 0)))


def lively_model(name: str = "deeplabv3plus_mobilenet_v2", **changes) -> DeepLabV3 | DeepLabV3Plus:
    """A narrow preset of four classes with random weights, in train mode; logits spread over several units."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = atrous.build(small_config(name, **changes))
        nn.init.normal_(model.classifier.weight, std=4)
    return model


def lively_archive() -> Archive:
    """The same with names for its classes."""
    return Archive(lively_model().eval(), labels=LABELS, provenance={}, sha256="ab" * 32)


def blocks(height: int, width: int, *, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """A uint8 batch of one, in blocks of random colour."""
    generator = torch.Generator().manual_seed(seed)
    size = (1, channels, height // 8 + 2, width // 8 + 2)
    colors = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
    return colors.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)[..., :height, :width].contiguous()
