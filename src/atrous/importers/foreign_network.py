"""Network of another project's file: its configuration and its tensors by the names used here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from atrous.labels import LabelSpace
from atrous.model.config import ModelConfig


@dataclass(frozen=True)
class ForeignNetwork:
    """A foreign network whose every tensor is accounted for.

    Attributes:
        format: Kind of file in words: `TensorFlow checkpoint`, `torchvision DeepLabv3`.
        config: The network, with the conventions that its weights expect. Of a classifier: a model with its backbone,
            whose head means nothing.
        state: Tensors by the names of `build(config)`; of a classifier those of the backbone alone.
        skipped: Names in the file of tensors without a place in the network, each with the reason.
        labels: Names of the classes, where they are known.
        segments: True if there is a head; False for a classifier, good for a backbone only.
    """

    format: str
    config: ModelConfig
    state: Mapping[str, Tensor]
    skipped: Mapping[str, str] = field(default_factory=dict)
    labels: LabelSpace | None = None
    segments: bool = True
