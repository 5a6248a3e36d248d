"""What another project's file of weights holds, told in our terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from atrous.labels import LabelSpace
from atrous.model.config import ModelConfig


@dataclass(frozen=True)
class ForeignNetwork:
    """A foreign network whose every tensor is accounted for.

    Attributes:
        format: What kind of file it is, as a person would say it: `TensorFlow checkpoint`, `torchvision DeepLabv3`.
        config: The network, with the conventions that its weights expect. Of a classifier: a model with its backbone,
            whose head means nothing.
        state: Tensors by our names; of a classifier those of the backbone alone.
        skipped: Their names of what has no place in the network, each with the reason.
        labels: What the classes mean, where it is known.
        segments: Whether there is a head; False is a classifier, good for a backbone only.
    """

    format: str
    config: ModelConfig
    state: Mapping[str, Tensor]
    skipped: Mapping[str, str] = field(default_factory=dict)
    labels: LabelSpace | None = None
    segments: bool = True
